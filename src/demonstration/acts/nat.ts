import { parseAddr } from '../../net/index.ts';
import { newMarker, podFrame, syn, udp } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  joinNeighbour,
  joinSeen,
  type Neighbour,
  plural,
  podName,
  type Stage,
} from '../stage/index.ts';
import { ANSWERED_MS, ask, startAnswer, startConnect, startSend, startServe, statesText } from '../tools/index.ts';

const RESOLVER = parseAddr('198.51.100.1');
const SERVER = parseAddr('198.51.100.2');
/** Of nobody: what is sent there is not answered. */
const NOBODY = parseAddr('203.0.113.200');
const DNS = 53;
const PORT = 7443;
const DATAGRAMS = 5_000;
const QUESTIONS = 20;
const RESETS = 64;
const SYNS = 9_000;
const RATE = 20_000;

/** A pod takes every port that it can get, towards the resolver that all use. */
async function* resolver(stage: Stage, attacker: Actor, victim: Actor): AsyncGenerator<AttackLine> {
  const answerer = stage.own(await startAnswer(stage.worldNetns, { at: RESOLVER, port: DNS, text: 'here' }));
  const marker = newMarker();
  const frames = Array.from({ length: DATAGRAMS }, (_, i) =>
    podFrame(attacker, RESOLVER, udp(10_000 + i, DNS, marker)),
  );
  const { sent } = await stage.own(startSend(attacker.netns, frames, { rate: RATE })).finished;
  const told = [];
  for (let i = 0; i < QUESTIONS; i += 1)
    told.push(await ask(victim.netns, { to: RESOLVER, port: DNS, protocol: 'UDP', timeoutMs: ANSWERED_MS }));
  await answerer.stop();
  yield {
    id: '13.resolver',
    claim: 'a pod that takes all ports it can get costs no other an answer',
    tried: `${podName(attacker)} sends ${plural(sent, 'datagram')} from as many ports to a resolver outside, then ${podName(victim)} asks it`,
    expected: 'all are answered',
    seen: statesText(told),
    held: sent === DATAGRAMS && told.every(({ state }) => state === 'answered'),
    decidedBy: 'a share of the ports towards each destination for each pod (ADR 8)',
  };
}

/** Somebody outside, who sees nothing, ends a connection under the server's address. */
async function* blind(stage: Stage, outside: Neighbour, victim: Actor): AsyncGenerator<AttackLine> {
  const server = stage.own(await startServe(stage.worldNetns, { port: PORT, push: true, rate: 50 }));
  const client = stage.own(startConnect(victim.netns, { to: SERVER, port: PORT, rate: 50 }));
  const connection = async () => {
    for await (const one of stage.api.connections()) if (one.destination.port === PORT && one.natPort) return one;
    return undefined;
  };
  const open = await stage.until('the connection is open', async () =>
    (await client.report()).received > 0 ? await connection() : undefined,
  );
  const to = { ethernet: { destination: outside.nodeMac } };
  const frames = Array.from({ length: RESETS }, (_, i) => {
    const sequence = (i * 2 ** 26 + 12_345) >>> 0;
    const ports = { sourcePort: PORT, destinationPort: open.natPort ?? 0 };
    const reset = { kind: 'tcp', ...ports, flags: ['RST'], sequence } as const;
    return podFrame({ ...outside, ip: SERVER }, parseAddr(stage.node.ip), reset, to);
  });
  await stage.own(startSend(outside.seat, frames)).finished;
  await stage.settle();
  const after = await connection();
  const { received } = await client.report();
  const later = await stage.until('more arrives', async () => {
    const report = await client.report();
    return report.received > received || report.state !== 'open' ? report : undefined;
  });
  await Promise.all([client.stop(), server.stop()]);
  const remembered = after === undefined ? 'gone' : after.closing ? 'closing' : 'open';
  yield {
    id: '13.reset',
    claim: 'and nobody who does not know a connection ends it',
    tried: `${plural(RESETS, 'RST')} under the server's address, to the right port, with sequence numbers all over`,
    expected: 'the connection goes on',
    seen: joinSeen([`connection ${later.state}`, `remembered as ${remembered}`]),
    held: later.state === 'open' && remembered === 'open',
    decidedBy: 'sequence numbers of the connection (ADR 8)',
  };
}

/** SYNs from outside to a pod, whose probes must go on. */
async function* flood(stage: Stage, outside: Neighbour, victim: Actor): AsyncGenerator<AttackLine> {
  const node = await stage.onNode();
  const answerer = stage.own(await startAnswer(victim.netns, { at: '0.0.0.0', port: PORT, text: 'alive' }));
  const marker = newMarker();
  const to = { ethernet: { destination: outside.nodeMac } };
  const frames = Array.from({ length: SYNS }, (_, i) =>
    podFrame({ ...outside, ip: NOBODY }, victim.ip, syn(10_000 + i, PORT, marker), to),
  );
  const { sent } = await stage.own(startSend(outside.seat, frames, { rate: RATE })).finished;
  const told = [];
  for (let i = 0; i < QUESTIONS; i += 1)
    told.push(await ask(node, { to: victim.ip, port: PORT, protocol: 'TCP', timeoutMs: ANSWERED_MS }));
  await answerer.stop();
  yield {
    id: '13.flood',
    claim: 'a flood of SYNs from outside leaves the node its probes',
    tried: `${plural(sent, 'SYN')} to ${podName(victim)}, then the node asks it`,
    expected: 'all are answered',
    seen: statesText(told),
    held: sent === SYNS && told.every(({ state }) => state === 'answered'),
    decidedBy: 'accounts of connections: the world has its own (ADR 8)',
  };
}

/** 13. What a pod has open towards the outside is its own. */
export async function* nat(stage: Stage): AsyncGenerator<AttackLine> {
  const [attacker, victim] = await Promise.all(
    ['nat-thief', 'nat-guest'].map(async (namespace) => {
      await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      return await stage.startPod({ namespace, name: 'pod', labels: { app: 'any' } });
    }),
  );
  if (attacker === undefined || victim === undefined) return;
  const outside = await joinNeighbour(stage);
  yield* resolver(stage, attacker, victim);
  yield* blind(stage, outside, victim);
  yield* flood(stage, outside, victim);
}
