import { parseAddr } from '../../net/index.ts';
import { inNetnsArgv, type NodePlace, run, stringAt, uplinkPort } from '../../sandbox/index.ts';
import { type FrameCase, newMarker, ping, podFrame, tunnelFrame, udp } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  Duplex,
  dropCounts,
  dropsSince,
  dropsText,
  joinNeighbour,
  joinSeen,
  judgeCase,
  nodeDropCounts,
  plural,
  podName,
  podSource,
  type Stage,
  sendCase,
} from '../stage/index.ts';
import { startCount, startSend } from '../tools/index.ts';
import { admitClientsOnly } from './clients-only.ts';

const NAMESPACE = 'guests';
const PORT = 8080;
const CUT_MS = 3_000;
const RATE = 500;

type Scene = { readonly node: NodePlace; readonly server: Actor; readonly client: Actor; readonly stranger: Actor };

/** A node that joins, with a server on it. */
async function build(stage: Stage): Promise<Scene> {
  const name = await stage.sandbox.joinNode();
  stage.afterwards(async () => {
    if (stage.nodes.all.some((one) => one.name === name)) await stage.sandbox.removeNode(name);
    await stage.nodes.find();
  });
  await stage.sandbox.waitReady({ pods: [] });
  await stage.nodes.find();
  const node = stage.nodes.named(name);
  await admitClientsOnly(stage, NAMESPACE);
  const pod = (role: string, where?: NodePlace) =>
    stage.startPod({ namespace: NAMESPACE, name: role, labels: { role }, ...(where && { node: where }) });
  const [server, client, stranger] = await Promise.all([pod('server', node), pod('client'), pod('stranger')]);
  return { node, server, client, stranger };
}

/** Off the network of the nodes, and from the API server, which is reached over the node's loopback. */
async function cutOff(stage: Stage, node: NodePlace, off: boolean): Promise<void> {
  const state = off ? 'down' : 'up';
  await run(inNetnsArgv(node.netnsPath, ['ip', 'link', 'set', 'lo', state]));
  await run(inNetnsArgv(stage.worldNetns, ['ip', 'link', 'set', uplinkPort(node), state]));
}

/** 22. A node joins, is cut off, comes back, and is removed. */
export async function* nodeLoss(stage: Stage): AsyncGenerator<AttackLine> {
  const scene = await build(stage);
  yield* cut(stage, scene);
  yield* removed(stage, scene);
}

async function* cut(stage: Stage, { node, server, client, stranger }: Scene): AsyncGenerator<AttackLine> {
  const duplex = await Duplex.open(stage, client, server);
  const marker = newMarker();
  const counter = stage.own(await startCount(server.netns, { devices: ['eth0'], patterns: { marker } }));
  const frame = podFrame(stranger, server.ip, udp(40_000, PORT, marker));
  const flood = stage.own(startSend(stranger.netns, [frame], { count: 0, rate: RATE }));
  const before = await dropCounts(stage, server);
  const joined = await duplex.arrived();
  stage.afterwards(() => cutOff(stage, node, false));
  await cutOff(stage, node, true);
  await stage.settle();
  const atCut = await duplex.arrived();
  await stage.settle(CUT_MS);
  const atEnd = await duplex.arrived();
  const passed = atEnd.udpForward + atEnd.udpReply - atCut.udpForward - atCut.udpReply;
  await cutOff(stage, node, false);
  const begin = performance.now();
  await stage.until('both talk again', async () => {
    const now = await duplex.arrived();
    const ways = ['udpForward', 'udpReply', 'tcpForward', 'tcpReply'] as const;
    return ways.every((way) => now[way] > atEnd[way] + 10) ? now : undefined;
  });
  const backMs = performance.now() - begin;
  await stage.agentReady();
  const connection = await duplex.client.report();
  const [{ sent }, counted] = [await flood.stop(), await counter.stop()];
  await duplex.close();
  yield {
    id: '22.cut',
    claim: 'a node that is cut off goes on with its connections when it is back',
    tried: `${node.name} has joined; its uplink and its way to the API server are cut for ${CUT_MS / 1_000} s, while TCP and UDP flow both ways between ${podName(client)} and ${podName(server)} of ${node.name}`,
    expected: 'both flow again by themselves, on the same connection',
    seen: joinSeen([
      `${joined.udpForward + joined.udpReply} datagrams before, ${passed} while it was cut off`,
      `back after ${backMs.toFixed(0)} ms`,
      `TCP connection ${connection.state}`,
    ]),
    held: passed === 0 && connection.state === 'open',
    decidedBy: 'connections and identities in the kernel of either node',
  };
  const leaked = counted.matches['marker'] ?? 0;
  yield {
    id: '22.forbidden',
    claim: 'and nobody gets in with it',
    tried: `${podName(stranger)} floods ${podName(server)} all the while`,
    expected: '0 packets',
    seen: joinSeen([
      `${plural(sent, 'frame')} sent, ${leaked} arrived`,
      counted.lost > 0 ? `${counted.lost} not seen by the counter` : '',
    ]),
    held: sent > 0 && leaked + counted.lost === 0,
    decidedBy: dropsText(dropsSince(before, await dropCounts(stage, server))) || 'nothing dropped',
  };
}

/** Everything that names a node in the API, beside its own object. */
async function objectsOf(stage: Stage, { name }: NodePlace): Promise<string[]> {
  const pods = (await stage.sandbox.list('pods')).filter((pod) => stringAt(pod, 'spec', 'nodeName') === name);
  const named = await Promise.all(['nodes', 'leases'].map((resource) => stage.sandbox.list(resource)));
  const own = named.flat().filter(({ metadata }) => metadata.name === name);
  return [...pods, ...own].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}

async function routesTo(stage: Stage, { podCidr }: NodePlace): Promise<string> {
  return await run(inNetnsArgv(stage.node.netnsPath, ['ip', 'route', 'show', podCidr]));
}

async function* removed(stage: Stage, scene: Scene): AsyncGenerator<AttackLine> {
  const { node, server, client, stranger } = scene;
  const [from, to] = await Promise.all([server, client].map((pod) => stage.whenReady(NAMESPACE, pod.name)));
  const said = { identity: from?.identity ?? 0, reach: to?.identity ?? 0 };
  const had = await objectsOf(stage, node);
  const route = await routesTo(stage, node);
  const duplex = await Duplex.open(stage, client, server);
  await stage.sandbox.removeNode(node.name);
  const begin = performance.now();
  await stage.nodes.find();
  await stage.until('every agent has forgotten the node', async () => {
    const lists = await Promise.all(stage.nodes.all.map((one) => stage.nodes.api(one).nodes()));
    const known = lists.flat().some(({ name }) => name === node.name);
    const left = known ? ['known'] : [...(await objectsOf(stage, node)), await routesTo(stage, node)];
    return left.join('') === '' ? true : undefined;
  });
  const forgottenMs = performance.now() - begin;
  await duplex.close();
  yield {
    id: '22.removed',
    claim: 'of a node that is removed nothing is left',
    tried: `${node.name} is switched off and its object deleted, with ${plural(had.length, 'object')} and a route to its pods`,
    expected: 'its pods, its lease, the route and what agents know of it go',
    seen: joinSeen([`before: ${had.join(', ')}; ${route.trim()}`, `gone after ${forgottenMs.toFixed(0)} ms`]),
    held: had.length > 2 && route !== '',
    decidedBy: 'kubectl get nodes, pods, leases; membrane node list; ip route',
  };
  yield await toNobody(stage, { server, stranger });
  yield await strangerAt(stage, scene, said);
}

/** What is sent to a pod that was there, by one whose kernel has no connection with it: that would send on its own, too. */
async function toNobody(stage: Stage, { server, stranger }: Pick<Scene, 'server' | 'stranger'>): Promise<AttackLine> {
  const one: FrameCase = {
    name: 'nobody',
    tried: `${podName(stranger)} sends to the address of ${podName(server)}`,
    reason: 'no-endpoint',
    frames: (marker) => [
      podFrame(stranger, server.ip, udp(40_000, PORT, marker)),
      podFrame(stranger, server.ip, ping(3, marker)),
    ],
  };
  const places = [{ name: 'world', netns: stage.worldNetns, devices: [uplinkPort(stage.node)] }];
  const outcome = await sendCase(stage, { source: podSource(stage, stranger), one, places });
  return {
    id: '22.nobody',
    claim: 'and nothing leaves for its pods any more',
    tried: one.tried,
    expected: `each frame dropped at its own device as ${one.reason}`,
    ...judgeCase(one, outcome),
    decidedBy: dropsText(outcome.drops) || 'nothing dropped',
  };
}

/** Somebody has the address of the node that is gone, and says what it would have said. */
async function strangerAt(
  stage: Stage,
  { node, server, client }: Scene,
  said: { readonly identity: number; readonly reach: number },
): Promise<AttackLine> {
  const host = await joinNeighbour(stage, stage.node, parseAddr(node.ip));
  const one: FrameCase = {
    name: 'its-address',
    tried: 'a host takes its address and sends VXLAN of one of its pods, as it did itself before',
    reason: 'unknown-node',
    frames: (payload) => [
      tunnelFrame({
        outer: { from: host, to: parseAddr(stage.node.ip), hop: host.nodeMac },
        inner: { from: server, to: client.ip, port: PORT },
        envelope: said,
        payload,
      }),
    ],
  };
  const places = [{ name: 'client', netns: client.netns, devices: ['eth0'] }];
  const source = { where: host.seat, drops: () => nodeDropCounts(stage) };
  const outcome = await sendCase(stage, { source, one, places });
  return {
    id: `22.${one.name}`,
    claim: 'nor does anybody inherit that it was believed',
    tried: one.tried,
    expected: `each frame dropped by ${stage.node.name} as ${one.reason}`,
    ...judgeCase(one, outcome),
    decidedBy: `${stage.node.name}: ${dropsText(outcome.drops) || 'nothing dropped'}`,
  };
}
