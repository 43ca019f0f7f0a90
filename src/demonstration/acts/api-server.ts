import { macOfAddr, parseAddr } from '../../net/index.ts';
import { newMarker, ping, podFrame, syn, udp } from '../frames/index.ts';
import {
  type Actor,
  type Arrived,
  type AttackLine,
  Duplex,
  dropCounts,
  dropsSince,
  dropsText,
  joinSeen,
  plural,
  type Stage,
} from '../stage/index.ts';
import { startCount, startSend } from '../tools/index.ts';
import { admitClientsOnly } from './clients-only.ts';

const NAMESPACE = 'silence';
const PORT = 8080;
/** Longer than an agent waits before it tries again. */
const AWAY_MS = 8_000;
const RATE = 1_000;
/** For how long nothing may arrive any more, in ms. */
const SILENCE_MS = 500;
/** So many frames of which none arrives are no accident. */
const BURST = 50;
const HOST = '.91';

type Scene = { readonly server: Actor; readonly client: Actor; readonly guest: Actor; readonly stranger: Actor };

async function build(stage: Stage): Promise<Scene> {
  await admitClientsOnly(stage, NAMESPACE);
  const node = stage.nodes.otherThan(stage.node) ?? stage.node;
  const pod = (name: string, role: string, where = stage.node) =>
    stage.startPod({ namespace: NAMESPACE, name, labels: { role }, node: where });
  const [server, client, guest, stranger] = await Promise.all([
    pod('server', 'server', node),
    pod('client', 'client'),
    pod('guest', 'client'),
    pod('stranger', 'stranger'),
  ]);
  return { server, client, guest, stranger };
}

/** Frames of one pod to another, over and over, counted where they arrive. */
async function stream(stage: Stage, from: Actor | Pick<Actor, 'netns' | 'ip' | 'mac'>, to: Actor, wait = false) {
  const marker = newMarker();
  const counter = stage.own(await startCount(to.netns, { devices: ['eth0'], patterns: { marker } }));
  const frames = [syn(40_000, PORT, marker), udp(40_000, PORT, marker), ping(9, marker)].map((transport) =>
    podFrame(from, to.ip, transport),
  );
  const options = { count: 0, rate: RATE, ...(wait && { wait: true, up: true }) };
  const sender = stage.own(startSend(from.netns, frames, options));
  return {
    sent: async () => (await sender.report()).sent,
    arrived: async () => (await counter.report()).matches['marker'] ?? 0,
    lost: async () => (await counter.report()).lost,
  };
}
type Stream = Awaited<ReturnType<typeof stream>>;

/** What was sent and arrived of a stream that goes on and of which nothing arrives any more; `undefined`: not yet. */
async function refused(
  stage: Stage,
  { sent, arrived }: Stream,
): Promise<{ sent: number; arrived: number } | undefined> {
  const before = { sent: await sent(), arrived: await arrived() };
  await stage.until('more is sent', async () => ((await sent()) >= before.sent + BURST ? true : undefined));
  return (await arrived()) === before.arrived ? before : undefined;
}

function text({ udpForward, udpReply, tcpForward, tcpReply }: Arrived): string {
  return `UDP ${udpForward} there and ${udpReply} back, TCP ${tcpForward} and ${tcpReply}`;
}

/** 21. The API server does not answer for a while. */
export async function* apiServer(stage: Stage): AsyncGenerator<AttackLine> {
  const { server, client, guest, stranger } = await build(stage);
  const duplex = await Duplex.open(stage, client, server);
  const ofGuest = await stream(stage, guest, server);
  const ofStranger = await stream(stage, stranger, server);
  await stage.until('the guest is let in', async () => ((await ofGuest.arrived()) > 0 ? true : undefined));
  const before = {
    flow: await duplex.arrived(),
    drops: await dropCounts(stage, server),
    clientDrops: await dropCounts(stage, client),
  };
  stage.afterwards(() => stage.sandbox.startApi());
  await stage.sandbox.stopApi();

  // Somebody else than the agents may still write: another server of the cluster, which they do not reach either.
  const ip = parseAddr(stage.node.podCidr.replace(/\.0\/24$/, HOST));
  const name = 'newcomer';
  await stage.sandbox.holdNetwork(NAMESPACE, name);
  await stage.createPod({ namespace: NAMESPACE, name, labels: { role: 'client' }, ip });
  const netns = await stage.until('the namespace is there', () => stage.netnsOf(NAMESPACE, name));
  const ofNewcomer = await stream(stage, { netns, ip, mac: macOfAddr(ip) }, server, true);
  await stage.sandbox.releaseNetwork(NAMESPACE, name);
  await stage.sandbox.patch(
    { resource: 'pods', namespace: NAMESPACE, name: 'guest' },
    { metadata: { labels: { role: 'guest' } } },
  );
  await stage.settle(AWAY_MS);
  const unheard = await stage.inTheEnd(
    async () =>
      (await stage.api.status()).checks.filter(({ name: check, ok }) => check.startsWith('api ') && !ok).length,
    (kinds) => kinds > 0,
  );
  const away = `the API server is stopped for ${AWAY_MS / 1_000} s`;
  const [during, guestDuring, newcomer] = await Promise.all([
    duplex.arrived(),
    ofGuest.arrived(),
    stage.endpoint(NAMESPACE, name),
  ]);
  const waiting = { sent: await ofNewcomer.sent(), arrived: await ofNewcomer.arrived() };

  await stage.sandbox.startApi();
  const begin = performance.now();
  await stage.whenReady(NAMESPACE, name);
  const openMs = performance.now() - begin;
  await stage.until('the newcomer is let in', async () => ((await ofNewcomer.arrived()) > 0 ? true : undefined));
  const guestBefore = await stage.until('the guest is refused', () => refused(stage, ofGuest));
  const refusedMs = performance.now() - begin;
  await stage.settle(SILENCE_MS);
  const guestAfter = { sent: await ofGuest.sent(), arrived: await ofGuest.arrived() };
  const guestSince = {
    sent: guestAfter.sent - guestBefore.sent,
    arrived: guestAfter.arrived - guestBefore.arrived,
  };

  const sent = await duplex.endUdp();
  const lostOf = ({ udpForward, udpReply }: Arrived): number => sent - udpForward - udpReply;
  const after = await stage.inTheEnd(
    () => duplex.arrived(),
    (arrived) => lostOf(arrived) <= 0,
  );
  const lost = lostOf(after);
  const connection = await duplex.client.report();
  const clientDrops = dropsText(dropsSince(before.clientDrops, await dropCounts(stage, client)));
  const flows = Object.entries(during).every(([way, count]) => count > before.flow[way as keyof Arrived]);
  yield {
    id: '21.allowed',
    claim: 'the API server is stopped: what was allowed flows on',
    tried: `${away} and started again, while TCP and UDP flow both ways between two pods${server.node === client.node ? '' : ' of two nodes'}`,
    expected: 'not one datagram lost',
    seen: joinSeen([
      `${plural(unheard, 'kind')} of objects that the agent hears nothing of`,
      `${plural(sent, 'datagram')} sent, ${lost} lost`,
      clientDrops === '' ? '' : `dropped at the client's device: ${clientDrops}`,
      text(after),
      `TCP connection ${connection.state}`,
    ]),
    held: unheard > 0 && flows && sent > 0 && lost === 0 && connection.state === 'open',
    decidedBy: 'connections, identities and policies in the kernel',
  };
  const [tried, leaked, unseen] = await Promise.all([ofStranger.sent(), ofStranger.arrived(), ofStranger.lost()]);
  yield {
    id: '21.forbidden',
    claim: 'and what was forbidden stays forbidden',
    tried: `${away}; another pod floods the server`,
    expected: '0 packets',
    seen: joinSeen([`${plural(tried, 'frame')} sent, ${leaked} arrived`, unseen > 0 ? `${unseen} not seen` : '']),
    held: tried > 0 && leaked + unseen === 0,
    decidedBy: dropsText(dropsSince(before.drops, await dropCounts(stage, server))) || 'nothing dropped',
  };
  yield {
    id: '21.waits',
    claim: 'a new pod that no agent has heard of waits, closed',
    tried: `${away}; a pod with the labels of a client is made meanwhile, and floods from its first instant`,
    expected: '0 packets before the server is back',
    seen: `${plural(waiting.sent, 'frame')} sent, ${waiting.arrived} arrived; endpoint ${newcomer?.state ?? 'not known to the agent'}`,
    held: waiting.sent > 0 && waiting.arrived === 0 && newcomer?.state !== 'ready',
    decidedBy: `endpoint ${newcomer?.state ?? 'not known'}${newcomer?.detail === undefined ? '' : ` (${newcomer.detail})`}`,
  };
  yield {
    id: '21.catches-up',
    claim: 'and everything catches up by itself',
    tried: 'the server is back; the new pod, and a pod that has lost the labels of a client meanwhile',
    expected: 'the first is let in, the second not any more',
    seen: joinSeen([
      `open after ${openMs.toFixed(0)} ms`,
      `the other: ${guestDuring} arrived while nobody knew, refused after ${refusedMs.toFixed(0)} ms; since then ${plural(guestSince.sent, 'frame')} sent, ${guestSince.arrived} arrived`,
    ]),
    held: guestDuring > 0 && guestSince.sent > 0 && guestSince.arrived === 0,
    decidedBy: 'the agents, by what they list and watch anew',
  };
}
