import { parseAddr, parseMac } from '../../net/index.ts';
import { newMarker, podFrame, udp } from '../frames/index.ts';
import {
  type AttackLine,
  CONTROL_BACKEND_PORT,
  CONTROL_NODE_PORT,
  ControlNode,
  joinSeen,
  ONLY_NET_RAW,
  type Outsider,
  plural,
  type Stage,
} from '../stage/index.ts';
import {
  type Answerer,
  ask,
  BOTH,
  type Exchanged,
  exchange,
  type Protocol,
  sendFrames,
  startAnswer,
  startCount,
} from '../tools/index.ts';

const LOOPBACK = '127.0.0.1';
/** Bound to the node's 127.0.0.1 only, as an API server's insecure port was. */
const PORT = 8001;
const SECRET = 'for local processes only';
const FRAMES = 20;

type Outcome = Exchanged & { readonly atServer: number };

/** One exchange from outside, and how much of it the server has seen. */
async function tryExchange(outsider: Outsider, server: Answerer, protocol: Protocol): Promise<Outcome> {
  const before = await server.report();
  const { seat, ip, device, nodeMac } = outsider;
  const told = await exchange(seat, { to: LOOPBACK, port: PORT, protocol, from: ip, device, ether: nodeMac });
  const after = await server.report();
  const atServer = after.connections + after.datagrams - before.connections - before.datagrams;
  return { ...told, atServer };
}

function succeeded(outcome: Outcome, outsider: Outsider): boolean {
  return outcome.state === 'answered' && outcome.text.startsWith(`${SECRET} ${outsider.ip}:`) && outcome.atServer > 0;
}

function failed(outcome: Outcome): boolean {
  return outcome.state === 'silent' && outcome.frames > 0 && outcome.atServer === 0;
}

function outcomeText({ state, text, atServer }: Outcome): string {
  return `${state === 'answered' ? `answered "${text}"` : state}, ${atServer} at the server`;
}

/** 9. Why a node must not be run with route_localnet: the attack works where nothing of Membrane is. */
export async function* localnet(stage: Stage): AsyncGenerator<AttackLine> {
  const node = await ControlNode.build(stage);
  const server = stage.own(await startAnswer(node.netns, { at: LOOPBACK, port: PORT, text: SECRET }));
  stage.own(await startAnswer(node.podNetns, { at: '0.0.0.0', port: CONTROL_BACKEND_PORT, text: 'backend' }));
  yield await whatItIsFor(node);
  for (const outsider of node.outsiders) {
    for (const protocol of BOTH) yield await exchangeLine(node, server, outsider, protocol);
  }
  await node.routeLocalnet(true);
  await node.addKubeletRule();
  for (const outsider of node.outsiders) yield await mendedLine(stage, node, server, outsider);
}

async function whatItIsFor(node: ControlNode): Promise<AttackLine> {
  const local = async (on: boolean): Promise<string[]> => {
    await node.routeLocalnet(on);
    const places = [LOOPBACK, node.ip].flatMap((to) => BOTH.map((protocol) => ({ to, protocol })));
    return Promise.all(
      places.map(async (place) => (await ask(node.netns, { ...place, port: CONTROL_NODE_PORT })).state),
    );
  };
  const closed = await local(false);
  const open = await local(true);
  const text = ([tcp, udp, otherTcp, otherUdp]: readonly string[]) =>
    `127.0.0.1 ${tcp} (TCP) and ${udp} (UDP), its own address ${otherTcp} and ${otherUdp}`;
  return {
    id: '9.purpose',
    claim: 'control: without Membrane, a node port on 127.0.0.1 needs route_localnet=1',
    tried: `a process of a node with kube-proxy's iptables rules asks node port ${CONTROL_NODE_PORT}, with route_localnet=0 and 1`,
    expected: 'its own address answers in both, 127.0.0.1 only with 1',
    seen: `0: ${text(closed)}; 1: ${text(open)}`,
    held:
      closed.slice(0, 2).every((state) => state !== 'answered') &&
      [...closed.slice(2), ...open].every((state) => state === 'answered'),
    decidedBy: 'the kernel of the control node: net.ipv4.conf.all.route_localnet',
  };
}

async function exchangeLine(
  node: ControlNode,
  server: Answerer,
  outsider: Outsider,
  protocol: Protocol,
): Promise<AttackLine> {
  await node.routeLocalnet(false);
  await node.warm(outsider);
  const closed = await tryExchange(outsider, server, protocol);
  await node.routeLocalnet(true);
  await node.warm(outsider);
  const open = await tryExchange(outsider, server, protocol);
  const rawOnly = [closed, open].every(({ capabilities }) => capabilities === ONLY_NET_RAW);
  return {
    id: `9.${outsider.name}-${protocol.toLowerCase()}`,
    claim: 'control: with it, what is bound to 127.0.0.1 is open to whoever is next to the node',
    tried: `a ${outsider.name} with nothing but CAP_NET_RAW sends frames from ${outsider.ip} to the node's MAC and 127.0.0.1:${PORT}: a whole ${protocol} exchange`,
    expected: 'an answer with route_localnet=1, none with 0',
    seen: joinSeen([
      `1: ${outcomeText(open)}`,
      `0: ${outcomeText(closed)}`,
      rawOnly ? '' : `capabilities ${open.capabilities}`,
    ]),
    held: succeeded(open, outsider) && failed(closed) && rawOnly,
    decidedBy: 'the kernel of the control node: net.ipv4.conf.all.route_localnet',
  };
}

/** With kubelet's rule: exchanges end, and a packet from 127.0.0.2 arrives all the same. */
async function mendedLine(stage: Stage, node: ControlNode, server: Answerer, outsider: Outsider): Promise<AttackLine> {
  await node.warm(outsider);
  const exchanges: Outcome[] = [];
  for (const protocol of BOTH) exchanges.push(await tryExchange(outsider, server, protocol));
  const marker = newMarker();
  const frame = podFrame(
    { ip: parseAddr('127.0.0.2'), mac: parseMac('02:00:00:00:00:02') },
    parseAddr(LOOPBACK),
    udp(40_000, PORT, marker),
    { ethernet: { destination: outsider.nodeMac } },
  );
  const before = await server.report();
  const counter = stage.own(await startCount(node.netns, { local: true, patterns: { marker } }));
  const report = await sendFrames(outsider.seat, [frame], { device: outsider.device, count: FRAMES });
  await stage.settle();
  const after = await server.report();
  const arrived = after.datagrams - before.datagrams;
  const counted = (await counter.stop()).matches['marker'] ?? 0;
  return {
    id: `9.${outsider.name}-mended`,
    claim: "control: kubelet's rule mends that, except for loopback sources",
    tried: `with the rule: the same exchanges from the ${outsider.name}, and ${plural(FRAMES, 'UDP frame')} from 127.0.0.2`,
    expected: 'no exchange; every frame from 127.0.0.2 at the server',
    seen: joinSeen([
      ...exchanges.map((outcome, i) => `${BOTH[i]}: ${outcomeText(outcome)}`),
      `from 127.0.0.2: ${report.sent} sent, ${arrived} at the server (${counted} in the node's stack)`,
    ]),
    held: exchanges.every(failed) && report.sent === FRAMES && arrived === FRAMES && counted === FRAMES,
    decidedBy: '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
  };
}
