import { randomBytes } from 'node:crypto';
import { macOfAddr, parseAddr } from '../../net/index.ts';
import { attempt, inNetnsArgv, run, uplinkPort } from '../../sandbox/index.ts';
import { newMarker, ping, podFrame, udp } from '../frames/index.ts';
import { type Actor, type AttackLine, dropCounts, dropsText, joinSeen, plural, type Stage } from '../stage/index.ts';
import { patience, startCount, startSend } from '../tools/index.ts';

const NAMESPACE = 'unknown';
const WORLD_ADDRESS = parseAddr('198.51.100.1');
const PORT = 5353;
const FLOOD_RATE = 3_000;
const PINGS_MS = 400;

/** Cuts the agent off from the API server, which it reaches over the node's loopback; connections stand still. */
async function cutOff(stage: Stage, off: boolean): Promise<void> {
  await run(inNetnsArgv(stage.node.netnsPath, ['ip', 'link', 'set', 'lo', off ? 'down' : 'up']));
}

/** Pings from a namespace for a while; gives how many were answered. */
async function pings(netns: string, to: string, pattern: Uint8Array): Promise<number> {
  const hex = Buffer.from(pattern).toString('hex');
  const argv = ['ping', '-n', '-q', '-i', '0.005', '-w', '1', '-c', String(PINGS_MS / 5), '-p', hex, to];
  const { stdout } = await attempt(inNetnsArgv(netns, argv), { timeoutMs: patience(5_000) });
  return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
}

type Sources = { readonly node: string; readonly world: string; readonly pod: string };

/** Pings a pod from everywhere at once; gives the answers by source. */
async function pingFromEverywhere(sources: Sources, to: string, pattern: Uint8Array): Promise<Record<string, number>> {
  const names = ['node', 'world', 'pod'] as const;
  const answers = await Promise.all(names.map((name) => pings(sources[name], to, pattern)));
  return Object.fromEntries(names.map((name, i) => [name, answers[i] ?? 0]));
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

/** 5. A pod that nobody knows yet has a device, an address and a flood ready, and not a packet in or out. */
export async function* unknownPod(stage: Stage): AsyncGenerator<AttackLine> {
  await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const target = await stage.startPod({ namespace: NAMESPACE, name: 'target', labels: { role: 'target' } });
  try {
    yield* arrive(stage, target);
  } finally {
    await cutOff(stage, false);
  }
}

async function* arrive(stage: Stage, target: Actor): AsyncGenerator<AttackLine> {
  const name = 'newcomer';
  const ip = parseAddr(stage.node.podCidr.replace(/\.0\/24$/, '.90'));
  const party = { ip, mac: macOfAddr(ip) };
  const markers = { pod: newMarker(), world: newMarker(), node: newMarker() };
  const inbound = Uint8Array.from(randomBytes(12));
  const counters = {
    pod: stage.own(await startCount(target.netns, { devices: ['eth0'], patterns: { flood: markers.pod } })),
    world: stage.own(
      await startCount(stage.worldNetns, { devices: [uplinkPort(stage.node)], patterns: { flood: markers.world } }),
    ),
    node: stage.own(await startCount(stage.node.netnsPath, { local: true, patterns: { flood: markers.node } })),
  };
  const outward = async (): Promise<Record<string, number>> => {
    const names = ['pod', 'world', 'node'] as const;
    const reports = await Promise.all(names.map((place) => counters[place].report()));
    return Object.fromEntries(names.map((place, i) => [place, reports[i]?.matches['flood'] ?? 0]));
  };

  await cutOff(stage, true);
  await stage.sandbox.holdNetwork(NAMESPACE, name);
  await stage.createPod({ namespace: NAMESPACE, name, labels: { role: 'newcomer' }, ip });
  const netns = await stage.until('the namespace is there', () => stage.netnsOf(NAMESPACE, name));
  const frames = [
    podFrame(party, target.ip, udp(40_000, PORT, markers.pod)),
    podFrame(party, WORLD_ADDRESS, udp(40_000, PORT, markers.world)),
    podFrame(party, parseAddr(stage.node.ip), udp(40_000, PORT, markers.node)),
    podFrame(party, target.ip, ping(1, markers.pod)),
  ];
  const flood = stage.own(startSend(netns, frames, { wait: true, up: true, count: 0, rate: FLOOD_RATE }));
  const atNewcomer = stage.own(await startCount(netns, { devices: ['eth0'], wait: true, patterns: { inbound } }));
  await stage.sandbox.releaseNetwork(NAMESPACE, name);
  await stage.until('the flood has begun', async () => ((await flood.report()).sent > 0 ? true : undefined));

  const sources = { node: stage.node.netnsPath, world: stage.worldNetns, pod: target.netns };
  const answersBefore = await pingFromEverywhere(sources, ip, inbound);
  const [sent, out, counted, endpoint, drops] = await Promise.all([
    flood.report(),
    outward(),
    atNewcomer.report(),
    stage.endpoint(NAMESPACE, name),
    dropCounts(stage, { namespace: NAMESPACE, name }),
  ]);
  const came = counted.matches['inbound'] ?? 0;
  const state = endpoint?.state ?? 'not known to the agent';
  const closed = state !== 'ready';
  const decidedBy = `endpoint ${state}${endpoint?.detail === undefined ? '' : ` (${endpoint.detail})`}; ${dropsText(drops) || 'drops not readable yet'}`;
  yield {
    id: '5.out',
    claim: 'a pod whose identity or policy is not known sends nothing',
    tried: 'the agent cannot reach the API server; a flood inside the namespace starts before the CNI plugin is run',
    expected: '0 packets at another pod, in the world and at the node',
    seen: `${plural(sent.sent, 'frame')} sent; arrived: ${list(out)}`,
    held: closed && sent.sent > 0 && Object.values(out).every((count) => count === 0),
    decidedBy,
  };
  yield {
    id: '5.in',
    claim: 'and receives nothing',
    tried: 'pinged from the node, from the world and from another pod',
    expected: "0 packets at the pod's device",
    seen: `${came} arrived; answers: ${list(answersBefore)}`,
    held: closed && came === 0 && Object.values(answersBefore).every((count) => count === 0),
    decidedBy,
  };

  const begin = performance.now();
  await cutOff(stage, false);
  const ready = await stage.whenReady(NAMESPACE, name);
  const tookMs = performance.now() - begin;
  const isAll = (counts: Readonly<Record<string, number>>): boolean =>
    Object.values(counts).every((count) => count > 0);
  const answersAfter = await stage.inTheEnd(() => pingFromEverywhere(sources, ip, inbound), isAll);
  const outAfter = await stage.inTheEnd(outward, isAll);
  await flood.stop();
  yield {
    id: '5.opens',
    claim: 'it comes up by itself as soon as they are known',
    tried: 'the agent reaches the API server again; nothing else is done',
    expected: 'the same flood and the same pings pass',
    seen: joinSeen([
      `open after ${tookMs.toFixed(0)} ms`,
      `arrived: ${list(outAfter)}`,
      `answers: ${list(answersAfter)}`,
    ]),
    held: isAll(outAfter) && isAll(answersAfter),
    decidedBy: `endpoint ${ready.state}, identity ${ready.identity}`,
  };
}
