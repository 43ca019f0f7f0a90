import { RESERVED_NAME } from '../../model/index.ts';
import { type Addr, macOfAddr, parseAddr } from '../../net/index.ts';
import type { NodePlace } from '../../sandbox/index.ts';
import { type FrameCase, GATEWAY, type Party, tunnelFrame } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  type DropCounts,
  dropCounts,
  dropsText,
  type FrameSource,
  joinNeighbour,
  joinSeen,
  judgeCase,
  type Neighbour,
  nodeDropCounts,
  type Place,
  placesOf,
  plural,
  podName,
  runCases,
  type Stage,
  sendCase,
  sumDrops,
} from '../stage/index.ts';
import { probe, startServe } from '../tools/index.ts';
import { admitClientsOnly } from './clients-only.ts';

const NAMESPACE = 'tunnel';
const PORT = 8080;
/** Of the world. */
const OUTSIDER = parseAddr('198.51.100.7');

type Scene = {
  /** Where what is forged is to arrive, and the pod there. */
  readonly node: NodePlace;
  readonly server: Actor;
  /** Whom the server listens to, on the stage's own node. */
  readonly client: Actor;
  /** Of both, as the packet states them. */
  readonly trusted: { readonly identity: number; readonly reach: number };
};

async function build(stage: Stage, node: NodePlace): Promise<Scene> {
  await admitClientsOnly(stage, NAMESPACE);
  const [client, server] = await Promise.all([
    stage.startPod({ namespace: NAMESPACE, name: 'client', labels: { role: 'client' } }),
    stage.startPod({ namespace: NAMESPACE, name: 'server', labels: { role: 'server' }, node }),
  ]);
  const [from, to] = [await stage.whenReady(NAMESPACE, 'client'), await stage.whenReady(NAMESPACE, 'server')];
  return { node, server, client, trusted: { identity: from.identity, reach: to.identity } };
}

/** At the devices of the node that is attacked, and of its pod. */
function dropsAt(stage: Stage, { node, server }: Scene): () => Promise<DropCounts> {
  return async () => sumDrops(await nodeDropCounts(stage, node), await dropCounts(stage, server));
}

function atServer({ server }: Scene): Place[] {
  return [{ name: 'server', netns: server.netns, devices: ['eth0'] }];
}

type Forgery = Omit<FrameCase, 'frames'> & {
  /** Under whose address; default: the sender's own. */
  readonly as?: Addr;
  /** Who is said to have sent what is inside; default: the client. */
  readonly from?: Party;
  readonly identity?: number;
  readonly reach?: number | null;
};

/** Of a host on the network of the nodes. */
function forgeries(stage: Stage, { client, server, trusted }: Scene): readonly Forgery[] {
  const node = parseAddr(stage.node.ip);
  const says = 'VXLAN that says: from the client, for the server, who is whom it may reach';
  return [
    { name: 'host', tried: `a host that is no node sends ${says}`, reason: 'unknown-node' },
    { name: 'outsider', tried: 'the same under an address of the world', reason: 'unknown-node', as: OUTSIDER },
    {
      name: 'host-as-node-process',
      tried: "the same from a process of a node, under that node's address inside",
      reason: 'unknown-node',
      from: { ip: node, mac: macOfAddr(node) },
      identity: RESERVED_NAME['remote-node'],
    },
    {
      name: 'host-reserved',
      tried: 'the same with the identity of the node itself (1)',
      reason: 'unknown-node',
      identity: RESERVED_NAME.host,
    },
    {
      name: 'as-node-for-its-pod',
      tried: "under a node's address: the same, from a pod of the node that gets it",
      reason: 'spoofed-ip',
      as: node,
      from: server,
    },
    {
      name: 'as-node-for-outside',
      tried: "under a node's address: from an address of the world",
      reason: 'spoofed-ip',
      as: node,
      from: { ip: OUTSIDER, mac: client.mac },
    },
    {
      name: 'as-node-reserved',
      tried: "under a node's address: from the client, with the identity of the node that gets it (1)",
      reason: 'forged-identity',
      as: node,
      identity: RESERVED_NAME.host,
    },
    {
      name: 'as-node-stale',
      tried: "under a node's address: from the client, allowed to reach somebody else than the server",
      reason: 'stale-destination',
      as: node,
      reach: trusted.identity,
    },
    {
      name: 'as-node-unsaid',
      tried: "under a node's address: from the client, without a word of whom it may reach (no group policy)",
      reason: 'stale-destination',
      as: node,
      reach: null,
    },
  ];
}

function caseOf(scene: Scene, outside: Neighbour, forgery: Forgery): FrameCase {
  const { as = outside.ip, from = scene.client, identity = scene.trusted.identity, reach, ...rest } = forgery;
  const stated = reach === undefined ? scene.trusted.reach : (reach ?? undefined);
  return {
    ...rest,
    frames: (payload) => [
      tunnelFrame({
        outer: { from: { ip: as, mac: outside.mac }, to: parseAddr(scene.node.ip), hop: outside.nodeMac },
        inner: { from, to: scene.server.ip, port: PORT },
        envelope: { identity, ...(stated !== undefined && { reach: stated }) },
        payload,
      }),
    ],
  };
}

/** Else the lines that follow would prove nothing. */
async function honest(stage: Stage, { client, server }: Scene): Promise<AttackLine> {
  const service = stage.own(await startServe(server.netns, { port: PORT }));
  const { state } = await probe(client.netns, { to: server.ip, port: PORT });
  await service.stop();
  return {
    id: '20.honest',
    claim: 'what a node itself sends for its pods is believed',
    tried: `${podName(client)} of ${client.node.name} connects to ${podName(server)} of ${server.node.name}`,
    expected: 'passes',
    seen: state,
    held: state === 'open',
    decidedBy: `NetworkPolicy ${NAMESPACE}/server`,
  };
}

/** What is not kept, which shows that what was dropped before was well forged. */
async function limit(stage: Stage, scene: Scene, outside: Neighbour): Promise<AttackLine> {
  const forgery = { name: 'limit', tried: '', reason: 'none', as: parseAddr(stage.node.ip) } as const;
  const source: FrameSource = { where: outside.seat, drops: dropsAt(stage, scene) };
  const one = caseOf(scene, outside, forgery);
  const { sent, arrived } = await sendCase(stage, { source, one, places: atServer(scene) });
  const { findings } = await stage.nodes.api(scene.node).doctor();
  const said = findings.find(({ check }) => check === 'overlay');
  return {
    id: '20.limit',
    claim:
      "a machine that sends under a node's own address is that node, for its own pods, until nodes encrypt: doctor says so",
    tried: "the same host, the same packet, under the address of the client's node",
    expected: 'it arrives; doctor says what to do about it',
    seen: joinSeen([
      `${plural(sent, 'frame')} sent, ${arrived['server'] ?? 0} at the server`,
      said === undefined ? 'doctor says nothing' : `doctor: ${said.severity}: ${said.evidence}`,
    ]),
    held: sent > 0 && arrived['server'] === sent && said?.severity === 'info',
    decidedBy: 'docs/THREAT-MODEL.md: what is not kept',
  };
}

/** A pod of the client's node, past its sockets. */
async function* fromPod(stage: Stage, scene: Scene): AsyncGenerator<AttackLine> {
  const { client, server, trusted, node } = scene;
  const attacker = await stage.startPod({ namespace: NAMESPACE, name: 'raw', labels: { app: 'raw' } });
  const targets = [
    ['pod-to-node', node.name, parseAddr(node.ip)],
    ['pod-to-own-node', 'its own node', parseAddr(stage.node.ip)],
    ['pod-outside', 'whoever is outside', OUTSIDER],
  ] as const;
  const cases = targets.map(
    ([name, who, to]): FrameCase => ({
      name,
      tried: `a pod with CAP_NET_RAW sends it to ${who}`,
      reason: 'forged-tunnel',
      frames: (payload) => [
        tunnelFrame({
          outer: { from: attacker, to, hop: GATEWAY.mac },
          inner: { from: client, to: server.ip, port: PORT },
          envelope: trusted,
          payload,
        }),
      ],
    }),
  );
  yield* runCases(stage, {
    group: '20',
    claim: 'and a pod sends no VXLAN but to pods: it would leave under the address of its node',
    attacker,
    cases,
    places: placesOf(stage, server),
  });
}

/** 20. VXLAN of somebody who is no node. */
export async function* forgedTunnel(stage: Stage): AsyncGenerator<AttackLine> {
  const node = stage.nodes.otherThan(stage.node);
  if (node === undefined) return;
  const scene = await build(stage, node);
  yield await honest(stage, scene);
  const outside = await joinNeighbour(stage, node);
  const source: FrameSource = { where: outside.seat, drops: dropsAt(stage, scene) };
  const places = atServer(scene);
  for (const forgery of forgeries(stage, scene)) {
    const outcome = await sendCase(stage, { source, one: caseOf(scene, outside, forgery), places });
    yield {
      id: `20.${forgery.name}`,
      claim: 'nobody forges who he is between nodes: only nodes are believed, and each of its own pods only',
      tried: forgery.tried,
      expected: `each frame dropped by ${node.name} as ${forgery.reason}, none at the server`,
      ...judgeCase({ ...caseOf(scene, outside, forgery), reason: forgery.reason }, outcome),
      decidedBy: `${node.name}: ${dropsText(outcome.drops) || 'nothing dropped'}`,
    };
  }
  yield await limit(stage, scene, outside);
  yield* fromPod(stage, scene);
}
