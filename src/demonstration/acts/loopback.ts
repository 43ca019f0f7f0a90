import { parseAddr } from '../../net/index.ts';
import { inNetnsArgv, setSysctls } from '../../sandbox/index.ts';
import { GATEWAY, loopbackCases } from '../frames/index.ts';
import {
  type AttackLine,
  BACKEND,
  BACKEND_PORT,
  dropsSince,
  dropsText,
  joinNeighbour,
  joinSeen,
  judgeCase,
  nodeDropCounts,
  ONLY_NET_RAW,
  placesOf,
  podSource,
  rawOnly,
  type Stage,
  sendCase,
} from '../stage/index.ts';
import { BOTH, type Exchanged, exchange } from '../tools/index.ts';
import {
  type Attacker,
  CLAIM,
  LOCALNET,
  LOOPBACK,
  type LoopbackAttack,
  onlyLoopback,
  PORTS,
} from './loopback-attack.ts';
import { LoopbackServers } from './loopback-servers.ts';
import { ownLoopbackLine, routeLoopback, socketLine } from './loopback-sockets.ts';
import { rawScene } from './spoof.ts';

const COUNT = 10;

/** 10. The attacks of the control experiment, and more of their kind, on a node with Membrane. */
export async function* loopback(stage: Stage): AsyncGenerator<AttackLine> {
  const { attacker: raw, scene: spoof, victim } = await rawScene(stage);
  const neighbour = await joinNeighbour(stage);
  const servers = await LoopbackServers.open(stage, PORTS);
  yield await localLine(servers);
  await makeNodePort(stage);
  const endpoint = await stage.whenReady(raw.namespace, raw.name);
  const seat = rawOnly('the pod', raw.netns);
  const pod: Attacker = {
    ...raw,
    name: 'pod',
    seat,
    nextHop: GATEWAY.mac,
    source: { ...podSource(stage, raw), where: seat },
    where: `${endpoint.interface} (endpoint ${endpoint.id})`,
  };
  const outside: Attacker = {
    ...neighbour,
    name: 'neighbour',
    nextHop: neighbour.nodeMac,
    source: { where: neighbour.seat, drops: () => nodeDropCounts(stage) },
    where: `eth0 of ${stage.node.name}`,
  };
  const scene: LoopbackAttack = { stage, servers, places: placesOf(stage, victim), other: spoof.friend };
  for (const attacker of [pod, outside]) {
    yield* frameLines(scene, attacker);
    yield await exchangeLine(scene, attacker);
  }
  yield await ownLoopbackLine(scene, await stage.inPod(raw));
  yield await socketLine(scene, pod, {
    id: '10.pod-bound-device',
    tried: `a program in the pod binds its sockets to eth0 and connects to ${LOOPBACK}`,
    seat: await stage.inPod(raw),
    device: 'eth0',
  });
  for (const [attacker, gateway] of [
    [pod, GATEWAY.ip],
    [outside, stage.node.ip],
  ] as const) {
    await routeLoopback(attacker.netns, gateway);
    yield await socketLine(scene, attacker, {
      id: `10.${attacker.name}-route`,
      tried: `the ${attacker.name} sets route_localnet=1 for itself, routes 127.0.0.0/8 to the node and connects to ${LOOPBACK}`,
      seat: { name: attacker.name, prefix: inNetnsArgv(attacker.netns, []) },
    });
  }
  stage.afterwards(() => setSysctls(stage.node.netnsPath, { [LOCALNET]: 0 }));
  await setSysctls(stage.node.netnsPath, { [LOCALNET]: 1 });
  for (const attacker of [pod, outside]) yield await localnetLine(scene, attacker);
  await setSysctls(stage.node.netnsPath, { [LOCALNET]: 0 });
}

/** Before the service is there: afterwards the node port is the service's, for processes of the node too. */
async function localLine(servers: LoopbackServers): Promise<AttackLine> {
  const ports = Object.values(PORTS);
  const told = (await Promise.all(ports.map((port) => servers.askLocally(port)))).flat();
  return {
    id: '10.local',
    claim: CLAIM,
    tried: `processes of the node ask servers bound to ${LOOPBACK}, ports ${ports.join(' and ')}, over TCP and UDP`,
    expected: 'all answer',
    seen: told.map(({ text, state }) => (state === 'answered' ? text : state)).join(', '),
    held: told.length === 4 && told.every(({ text }) => text.startsWith('local ')),
    decidedBy: "the node's own stack",
  };
}

async function makeNodePort(stage: Stage): Promise<void> {
  const name = stage.fresh('loopback');
  const ports = BOTH.map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    targetPort: BACKEND_PORT,
    nodePort: PORTS.nodePort,
  }));
  await stage.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'tenant-a', name },
    spec: { type: 'NodePort', selector: { ...BACKEND }, ports },
  });
  await stage.served('tenant-a', name, 4);
}

function casesOf({ stage, other }: LoopbackAttack, attacker: Attacker) {
  return loopbackCases({
    attacker,
    nextHop: attacker.nextHop,
    node: parseAddr(stage.node.ip),
    other: other.ip,
    isPod: attacker.name === 'pod',
    ports: PORTS,
  }).map((one) => ({ ...one, count: COUNT }));
}

async function* frameLines(scene: LoopbackAttack, attacker: Attacker): AsyncGenerator<AttackLine> {
  const { stage, servers, places } = scene;
  for (const one of casesOf(scene, attacker)) {
    const outcome = await sendCase(stage, { source: attacker.source, one, places });
    const [judged, check] = [judgeCase(one, outcome), await servers.check()];
    yield {
      id: `10.${attacker.name}-${one.name}`,
      claim: CLAIM,
      tried: `the ${attacker.name} sends frames ${one.tried}`,
      expected: `each dropped as ${one.reason}, none anywhere, and the servers answer a local process`,
      seen: joinSeen([judged.seen, check.text]),
      held: judged.held && check.strangers === 0 && check.answersLocal,
      decidedBy: `${attacker.where}: ${dropsText(outcome.drops) || 'nothing dropped'}`,
    };
  }
}

async function exchanges(attacker: Attacker): Promise<Exchanged[]> {
  const { seat, ip, nextHop } = attacker;
  const question = { to: LOOPBACK, port: PORTS.plain, from: ip, device: 'eth0', ether: nextHop } as const;
  return await Promise.all(BOTH.map((protocol) => exchange(seat, { ...question, protocol })));
}

const failed = ({ state, frames, capabilities }: Exchanged): boolean =>
  state === 'silent' && frames > 0 && capabilities === ONLY_NET_RAW;

const exchangeText = (all: readonly Exchanged[]): string =>
  all.map(({ state, frames, text }, i) => `${BOTH[i]}: ${frames} frames, ${state} ${text}`.trimEnd()).join('; ');

/** The very exchange that succeeds on the control node. */
async function exchangeLine({ stage, servers }: LoopbackAttack, attacker: Attacker): Promise<AttackLine> {
  const before = await attacker.source.drops();
  const all = await exchanges(attacker);
  const frames = all.reduce((sum, one) => sum + one.frames, 0);
  const drops = await stage.inTheEnd(
    async () => dropsSince(before, await attacker.source.drops()),
    (found) => onlyLoopback(found) >= frames,
  );
  const check = await servers.check();
  return {
    id: `10.${attacker.name}-exchange`,
    claim: CLAIM,
    tried: `the exchanges of 9, from the ${attacker.name} with its own address to ${LOOPBACK}:${PORTS.plain}`,
    expected: 'no answer, each frame dropped as loopback-address, and the servers answer a local process',
    seen: joinSeen([exchangeText(all), check.text]),
    held: all.every(failed) && onlyLoopback(drops) === frames && check.strangers === 0 && check.answersLocal,
    decidedBy: `${attacker.where}: ${dropsText(drops) || 'nothing dropped'}`,
  };
}

/** With route_localnet=1 the node's stack would let all of this in: then only the programs are left. */
async function localnetLine(scene: LoopbackAttack, attacker: Attacker): Promise<AttackLine> {
  const { stage, servers, places } = scene;
  const before = await attacker.source.drops();
  const judged = [];
  let sent = 0;
  for (const one of casesOf(scene, attacker)) {
    const outcome = await sendCase(stage, { source: attacker.source, one, places });
    sent += outcome.sent;
    judged.push(judgeCase(one, outcome));
  }
  const all = await exchanges(attacker);
  await stage.settle();
  const drops = dropsSince(before, await attacker.source.drops());
  const check = await servers.check();
  const misses = judged.filter(({ held }) => !held).map(({ seen }) => seen);
  return {
    id: `10.${attacker.name}-localnet`,
    claim: 'not even where somebody has set route_localnet=1 on the node',
    tried: `all frames and exchanges of the ${attacker.name} once more, with net.ipv4.conf.all.route_localnet=1`,
    expected: 'the same',
    seen: joinSeen([`${sent} frames sent`, ...misses, exchangeText(all), check.text]),
    held: misses.length === 0 && all.every(failed) && check.strangers === 0 && check.answersLocal,
    decidedBy: `${attacker.where}: ${dropsText(drops) || 'nothing dropped'}`,
  };
}
