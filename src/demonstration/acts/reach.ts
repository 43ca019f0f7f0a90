import { randomInt } from 'node:crypto';
import type { NodePlace } from '../../sandbox/index.ts';
import {
  type Actor,
  type AttackLine,
  BACKEND_PORT,
  DEBUG_PORT,
  decidedBy,
  FRONTEND,
  plural,
  podName,
  type Stage,
  tenantScene,
} from '../stage/index.ts';
import { ANSWERED_MS, probe, startCount } from '../tools/index.ts';

/** A connection that nobody is to answer is given up after this time, in ms, on an idle machine. */
const DENIED_TIMEOUT_MS = 400;

/** Source and destination port as they stand in the packets of one attempt and of no other. */
function portBytes(source: number, destination: number): Uint8Array {
  return Uint8Array.of(source >> 8, source, destination >> 8, destination);
}

export type Attempted = { readonly state: string; readonly arrived: number; readonly decidedBy: string };

/** `timeoutMs`: ANSWERED_MS where it is to come about. Opens a TCP connection for real and counts, at the other end's device, what arrives of it. */
export async function attempt(
  stage: Stage,
  from: Actor,
  to: Actor,
  port: number,
  timeoutMs = DENIED_TIMEOUT_MS,
): Promise<Attempted> {
  const sourcePort = randomInt(20_000, 30_000);
  const counter = stage.own(
    await startCount(to.netns, { devices: ['eth0'], patterns: { attempt: portBytes(sourcePort, port) } }),
  );
  const since = Date.now() - 1;
  const result = await probe(from.netns, { to: to.ip, port, sourcePort, timeoutMs });
  const counted = await counter.stop();
  const asked = { from: podName(from), to: podName(to), port, protocol: 'TCP' } as const;
  // Where the other end is, both directions have been judged.
  const flow = await stage.witness.find(
    (seen) =>
      (seen.type === 'open' || seen.type === 'drop') &&
      seen.source.addr === from.ip &&
      seen.source.port === sourcePort &&
      seen.destination.addr === to.ip,
    { since, at: to.node.name },
  );
  return {
    state: result.state,
    arrived: counted.matches['attempt'] ?? 0,
    decidedBy: await decidedBy(stage, asked, flow, to.node),
  };
}

type Variant = {
  readonly id: string;
  readonly claim: string;
  readonly from: Actor;
  readonly to: Actor;
  readonly port: number;
  readonly allowed: boolean;
};

async function tryVariant(stage: Stage, variant: Variant): Promise<AttackLine> {
  const { from, to, port, allowed } = variant;
  const { state, arrived, decidedBy } = await attempt(stage, from, to, port, allowed ? ANSWERED_MS : undefined);
  const where = from.node === to.node ? 'of the same node' : `of ${to.node.name}, from ${from.node.name},`;
  return {
    id: `1.${variant.id}`,
    claim: variant.claim,
    tried: `${podName(from)} connects to ${podName(to)} ${where} on TCP ${port}`,
    expected: allowed ? 'passes' : 'dropped',
    seen: `${state}; ${plural(arrived, 'packet')} at ${podName(to)}`,
    held: allowed ? state === 'open' && arrived > 0 : state === 'timeout' && arrived === 0,
    decidedBy,
  };
}

/** Pods of the example, and others like them where one is wanted on another node. */
class Twins {
  readonly #stage: Stage;
  readonly #made = new Map<string, Promise<Actor>>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** The pod itself, if that is its node. */
  async on(node: NodePlace, pod: Actor): Promise<Actor> {
    if (pod.node === node) return pod;
    const key = `${podName(pod)} ${node.name}`;
    const twin = this.#made.get(key) ?? this.#make(node, pod);
    this.#made.set(key, twin);
    return await twin;
  }

  async #make(node: NodePlace, { namespace, name }: Actor): Promise<Actor> {
    const labels = { ...FRONTEND, role: name };
    return await this.#stage.startPod({ namespace, name: this.#stage.fresh(name), labels, node });
  }
}

/** 1. Only the tenant's own frontend reaches its backend, and only on the allowed port; within a node and from another. */
export async function* reach(stage: Stage): AsyncGenerator<AttackLine> {
  const [a, b] = await Promise.all([tenantScene(stage, 'tenant-a'), tenantScene(stage, 'tenant-b')]);
  const open = 'frontend reaches backend of its own tenant on the allowed port';
  const variants: readonly Variant[] = [
    { id: 'allowed-a', claim: open, from: a.frontend, to: a.backend, port: BACKEND_PORT, allowed: true },
    { id: 'allowed-b', claim: open, from: b.frontend, to: b.backend, port: BACKEND_PORT, allowed: true },
    {
      id: 'other-port',
      claim: 'no other port, though the backend listens on it',
      from: a.frontend,
      to: a.backend,
      port: DEBUG_PORT,
      allowed: false,
    },
    {
      id: 'other-pod',
      claim: 'no other pod of the namespace',
      from: a.other,
      to: a.backend,
      port: BACKEND_PORT,
      allowed: false,
    },
    {
      id: 'other-tenant',
      claim: 'no pod of the other tenant, though its labels are the same',
      from: b.frontend,
      to: a.backend,
      port: BACKEND_PORT,
      allowed: false,
    },
    {
      id: 'other-way',
      claim: 'nor the other way round',
      from: a.frontend,
      to: b.backend,
      port: BACKEND_PORT,
      allowed: false,
    },
  ];
  const twins = new Twins(stage);
  for (const variant of variants) {
    const { id, from, to } = variant;
    yield await tryVariant(stage, { ...variant, from: await twins.on(to.node, from) });
    const elsewhere = stage.nodes.otherThan(to.node);
    if (elsewhere === undefined) continue;
    yield await tryVariant(stage, { ...variant, id: `${id}-across`, from: await twins.on(elsewhere, from) });
  }
}
