import type { TenantView } from '../../api/index.ts';
import { type Addr, parseAddr } from '../../net/index.ts';
import { newMarker, podFrame, syn, udp } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  dropCounts,
  dropsSince,
  dropsText,
  joinSeen,
  plural,
  podName,
  type Stage,
} from '../stage/index.ts';
import { ask, startAnswer, startConnect, startSend, startServe, statesText, type Told } from '../tools/index.ts';
import { agreed, setTenant } from './tenants.ts';

const NOISY = 'flood-noisy';
const CALM = 'flood-calm';
const PORT = 7443;
const ECHO = 7444;
const DNS = 53;
const RESOLVER = parseAddr('198.51.100.1');

const TUPLES = 64_000;
/** What one command line holds. */
const BATCH = 8_000;
const RATE = 40_000;
/** More than any machine sends: as fast as it can. */
const FULL_SPEED = 1_000_000;
const FLOOD_MS = 5_000;
const QUESTIONS = 20;
/** A machine that is busy with something else makes a group slow, and none fast. */
const GROUPS = 8;
const MOST_TIMES = 2;
const RACES = 8;
/** Nobody is to wait for a busy machine in vain. */
const PATIENCE_MS = 5_000;

const LIMITS = { connections: 2_000, natPorts: 500, newConnectionsPerSecond: 500 } as const;
type Limit = keyof typeof LIMITS;

type Scene = {
  readonly talker: Actor;
  readonly peer: Actor;
  readonly client: Actor;
  readonly server: Actor;
  readonly lives: () => Promise<boolean>;
};

async function build(stage: Stage): Promise<Scene> {
  for (const namespace of [NOISY, CALM]) {
    await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await setTenant(stage, namespace, { namespaces: { names: [namespace] }, boundary: { world: 'Open' } });
  }
  const pod = (namespace: string, name: string) => stage.startPod({ namespace, name, labels: { role: name } });
  const [talker, peer, client, server] = await Promise.all([
    pod(NOISY, 'talker'),
    pod(NOISY, 'peer'),
    pod(CALM, 'client'),
    pod(CALM, 'server'),
  ]);
  await agreed(stage, 'both have their namespace', (all) =>
    [NOISY, CALM].every((name) => tenantOf(all, name)?.identities),
  );
  stage.own(await startServe(server.netns, { port: ECHO, push: true, rate: 50 }));
  const connection = stage.own(startConnect(client.netns, { to: server.ip, port: ECHO, rate: 50 }));
  await stage.until('the neighbour’s connection is open', async () =>
    (await connection.report()).received > 0 ? true : undefined,
  );
  const lives = async (): Promise<boolean> => {
    const { received } = await connection.report();
    const later = await stage.until('it goes on, or ends', async () => {
      const report = await connection.report();
      return report.received > received || report.state !== 'open' ? report : undefined;
    });
    return later.state === 'open';
  };
  stage.own(await startAnswer(server.netns, { at: '0.0.0.0', port: PORT, text: 'here' }));
  stage.own(await startAnswer(stage.worldNetns, { at: RESOLVER, port: DNS, text: 'here' }));
  return { talker, peer, client, server, lives };
}

const tenantOf = (all: readonly TenantView[], wanted: string): TenantView | undefined =>
  all.find(({ name }) => name === wanted);

const limitOf = (all: readonly TenantView[], limit: Limit) =>
  tenantOf(all, NOISY)?.limits?.find(({ name }) => name === limit);

/** Sets these limits and no others. */
async function limit(stage: Stage, ...names: Limit[]): Promise<void> {
  const limits = Object.fromEntries(names.map((name) => [name, LIMITS[name]]));
  await setTenant(stage, NOISY, { namespaces: { names: [NOISY] }, boundary: { world: 'Open' }, limits });
  await agreed(stage, 'the limits are known', (all) =>
    names.every((name) => limitOf(all, name)?.limit === LIMITS[name]),
  );
}

/** Each frame once, as fast as the machine likes. */
async function sendAll(stage: Stage, from: Actor, frames: readonly Uint8Array[]): Promise<number> {
  let sent = 0;
  for (let at = 0; at < frames.length; at += BATCH) {
    const batch = frames.slice(at, at + BATCH);
    sent += (await stage.own(startSend(from.netns, batch, { rate: RATE })).finished).sent;
  }
  return sent;
}

async function questions(from: Actor, to: Addr, port: number, protocol: 'TCP' | 'UDP'): Promise<Told[]> {
  const told: Told[] = [];
  for (let i = 0; i < QUESTIONS; i += 1)
    told.push(await ask(from.netns, { to, port, protocol, timeoutMs: PATIENCE_MS }));
  return told;
}

const allAnswered = (told: readonly Told[]): boolean => told.every(({ state }) => state === 'answered');

const median = (told: readonly Told[]): number =>
  told.map(({ tookMs }) => tookMs).sort((a, b) => a - b)[Math.floor(told.length / 2)] ?? Infinity;

type Attempt = Pick<AttackLine, 'id' | 'claim'> & {
  readonly limit: 'connections' | 'natPorts';
  /** Whom the flood goes to, and whom the neighbour asks. */
  readonly to: Addr;
  readonly asks: { readonly at: Addr; readonly port: number; readonly protocol: 'TCP' | 'UDP' };
  readonly frames: number;
};

/** Datagrams of as many five-tuples, then the neighbour asks. */
async function attempt(stage: Stage, { talker, client, lives }: Scene, what: Attempt): Promise<AttackLine> {
  await limit(stage, what.limit);
  const marker = newMarker();
  const frames = Array.from({ length: what.frames }, (_, i) =>
    podFrame(talker, what.to, udp(1_024 + (i % 60_000), DNS + Math.floor(i / 60_000), marker)),
  );
  const before = await dropCounts(stage, talker);
  const sent = await sendAll(stage, talker, frames);
  const told = await questions(client, what.asks.at, what.asks.port, what.asks.protocol);
  const view = limitOf(await stage.api.tenants(), what.limit);
  const drops = dropsSince(before, await dropCounts(stage, talker));
  const named = view?.most?.pod;
  const isOpen = await lives();
  return {
    id: what.id,
    claim: what.claim,
    tried: `${podName(talker)} sends ${plural(sent, 'datagram')}, each of a five-tuple of its own; its tenant may have ${LIMITS[what.limit]}`,
    expected: 'no more than that; the neighbour is answered, its connection lives, and the flooder is named',
    seen: joinSeen([
      `the tenant has ${view?.used}`,
      `the neighbour: ${statesText(told)}, its connection ${isOpen ? 'lives' : 'ended'}`,
      `named: ${named}`,
    ]),
    held:
      sent === what.frames &&
      (view?.used ?? Infinity) <= LIMITS[what.limit] &&
      allAnswered(told) &&
      isOpen &&
      named === podName(talker),
    decidedBy: dropsText(drops),
  };
}

type Race = {
  readonly usual: readonly Told[];
  readonly told: readonly Told[];
  readonly sent: number;
  readonly times: number;
};

/** SYNs as fast as they can be sent, for so long at least, while the neighbour opens connections; before that, its usual time. */
async function race(stage: Stage, { talker, peer, client, server }: Scene, leastMs: number): Promise<Race> {
  const usual = await questions(client, server.ip, PORT, 'TCP');
  const marker = newMarker();
  const frames = Array.from({ length: BATCH }, (_, i) => podFrame(talker, peer.ip, syn(1_024 + i, PORT, marker)));
  const before = await dropCounts(stage, talker);
  const begin = performance.now();
  const sender = stage.own(startSend(talker.netns, frames, { count: 0, rate: FULL_SPEED, seconds: 300 }));
  await stage.until('the flood is refused', async () =>
    (dropsSince(before, await dropCounts(stage, talker))['tenant-rate'] ?? 0) > 0 ? true : undefined,
  );
  const told: Told[] = [];
  let times = Infinity;
  for (let group = 0; group < GROUPS || performance.now() - begin < leastMs; group += 1) {
    const more = await questions(client, server.ip, PORT, 'TCP');
    told.push(...more);
    times = Math.min(times, median(more) / median(usual));
    if (times <= MOST_TIMES && performance.now() - begin >= leastMs) break;
  }
  const { sent } = await sender.stop();
  return { usual, told, sent, times };
}

/** What else the machine does meanwhile changes times, too: it is tried again until the flood is all that is measured. */
async function syns(stage: Stage, scene: Scene): Promise<AttackLine> {
  const { talker, lives } = scene;
  await limit(stage, 'newConnectionsPerSecond');
  const before = await dropCounts(stage, talker);
  const races = [await race(stage, scene, FLOOD_MS)];
  const best = (): number => Math.min(...races.map(({ times }) => times));
  while (best() > MOST_TIMES && races.length < RACES) races.push(await race(stage, scene, 0));
  const drops = dropsSince(before, await dropCounts(stage, talker));
  const named = limitOf(await stage.api.tenants(), 'newConnectionsPerSecond')?.most?.pod;
  const isOpen = await lives();
  const told = races.flatMap((one) => one.told);
  const sent = races.reduce((sum, one) => sum + one.sent, 0);
  return {
    id: '24.syns',
    claim: 'SYNs at full speed cost the neighbour neither its connections nor their time',
    tried: `${podName(talker)} sends ${plural(sent, 'SYN')}; its tenant may open ${LIMITS.newConnectionsPerSecond} connections a second; the neighbour opens ${told.length}`,
    expected: `all open, within ${MOST_TIMES} times the usual in the best group of ${QUESTIONS}, and the flooder is named`,
    seen: joinSeen([
      `the neighbour: ${statesText(told)}, ${best().toFixed(2)} times the usual ${median(races.flatMap(({ usual }) => usual)).toFixed(1)} ms`,
      `its connection ${isOpen ? 'lives' : 'ended'}`,
      `named: ${named}`,
    ]),
    held: allAnswered(told) && best() <= MOST_TIMES && isOpen && named === podName(talker),
    decidedBy: dropsText(drops),
  };
}

/** 24. A tenant opens as much as it can: it has its limits, and costs the one beside it nothing. */
export async function* flood(stage: Stage): AsyncGenerator<AttackLine> {
  const scene = await build(stage);
  const { peer, server } = scene;
  yield await attempt(stage, scene, {
    id: '24.tuples',
    claim: 'a tenant that opens all connections it can has its share of them, and its neighbour all others',
    limit: 'connections',
    to: peer.ip,
    asks: { at: server.ip, port: PORT, protocol: 'TCP' },
    frames: TUPLES,
  });
  yield await attempt(stage, scene, {
    id: '24.ports',
    claim: 'nor does it take the ports of the node towards the world',
    limit: 'natPorts',
    to: RESOLVER,
    asks: { at: RESOLVER, port: DNS, protocol: 'UDP' },
    frames: BATCH,
  });
  yield await syns(stage, scene);
}
