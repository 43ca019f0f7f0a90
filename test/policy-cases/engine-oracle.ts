import type { Verdict } from '../../src/model/index.ts';
import { PROTOCOL_NUMBERS, protocolName } from '../../src/net/index.ts';
import { explain, type Party } from '../../src/policy/index.ts';
import { checkpoints, type Engine } from './engine.ts';
import { askOracle, type FloorAnswer, type FloorEnd } from './floor-oracle.ts';
import { workloadOf } from './workload.ts';
import type { Flow, Place, World } from './world.ts';

/** Asks the oracles of floor and policy about the pods as they are; knows nothing of identities and tables. */
export class OracleEngine implements Engine {
  readonly name = 'oracle';
  #world: World | undefined;

  async setUp(world: World): Promise<void> {
    this.follow(world);
  }

  follow(world: World): void {
    this.#world = world;
  }

  async verdict(flow: Flow) {
    return this.judge(flow);
  }

  judge(flow: Flow): { verdict: 'allow' | 'deny'; why: string; floor: FloorAnswer } {
    const world = this.#world;
    if (world === undefined) throw new Error('setUp first');
    const floor = floorAnswer(flow, world);
    if (floor === 'refused') return { verdict: 'deny', why: 'floor', floor };
    const entries = [...world.policies.values()].flat();
    for (const direction of checkpoints(flow)) {
      const [own, other] = direction === 'egress' ? [flow.from, flow.to] : [flow.to, flow.from];
      if (own.kind !== 'pod') continue;
      const subject = workloadOf(own.pod, world);
      const peer = party(other, own.pod.node, world);
      const { verdict, text } = explain(entries, world.settings, { ...flow, subject, direction, peer });
      if (verdict === 'deny') return { verdict, why: `${direction}: ${text}`, floor };
    }
    return { verdict: 'allow', why: 'both ends allow it', floor };
  }

  async close(): Promise<void> {
    this.#world = undefined;
  }
}

/** Floor AND policy: what the floor refuses is refused, whatever policies say. */
function floorAnswer(flow: Flow, world: World): FloorAnswer {
  const { tenancy } = world;
  const [own] = checkpoints(flow);
  if (tenancy === undefined || own === undefined) return 'open';
  const judged = own === 'egress' ? flow.from : flow.to;
  const localNode = judged.kind === 'pod' ? judged.pod.node : '';
  const protocol = TRANSPORTS.has(flow.protocol) ? protocolName(flow.protocol) : undefined;
  const [from, to] = [flow.from, flow.to].map((place) => floorEnd(place, localNode)) as [FloorEnd, FloorEnd];
  return askOracle({ ...tenancy, now: NOW }, from, to, { protocol, port: flow.port });
}

/** Between what is over and what is not, in all worlds. */
const NOW = Date.UTC(2026, 0);
const TRANSPORTS: ReadonlySet<number> = new Set([PROTOCOL_NUMBERS.TCP, PROTOCOL_NUMBERS.UDP, PROTOCOL_NUMBERS.SCTP]);

function floorEnd(place: Place, localNode: string): FloorEnd {
  if (place.kind === 'pod') return place.pod;
  const peer = place.kind === 'world' ? 'world' : place.node.name === localNode ? 'host' : undefined;
  const reserved = peer ?? (place.kind === 'node' && place.node.apiserver ? 'kube-apiserver' : 'remote-node');
  return { reserved, addr: place.addr };
}

function party(place: Place, localNode: string, world: World): Party {
  switch (place.kind) {
    case 'pod':
      return { kind: 'pod', workload: workloadOf(place.pod, world), addr: place.addr };
    case 'node': {
      const { name, apiserver } = place.node;
      const role = name === localNode ? 'host' : apiserver ? 'kube-apiserver' : 'remote-node';
      return { kind: 'node', role, addr: place.addr };
    }
    case 'world':
      return { kind: 'world', addr: place.addr };
  }
}

/** Who refuses it; the floor is asked first. */
export function verdictKind({
  verdict,
  why,
}: {
  readonly verdict: Verdict;
  readonly why: string;
}): 'allow' | 'floor' | 'policy' {
  if (verdict === 'allow') return 'allow';
  return why.startsWith('floor') ? 'floor' : 'policy';
}
