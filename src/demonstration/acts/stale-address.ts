import { systemClock } from '../../base/index.ts';
import { macOfAddr } from '../../net/index.ts';
import type { NodePlace } from '../../sandbox/index.ts';
import { chaosFrames, type Numbers, newMarker, nextSegment, ping, podFrame, syn, udp } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  type DropCounts,
  dropCounts,
  dropsSince,
  dropsText,
  joinSeen,
  plural,
  type Stage,
  stopAgent,
  sumDrops,
} from '../stage/index.ts';
import {
  type Client,
  type Counter,
  type Server,
  startConnect,
  startCount,
  startSend,
  startServe,
} from '../tools/index.ts';

const NAMESPACE = 'stale';
const PORT = 8080;
const DEFAULT_ROUNDS = 100;
/** The open range of the other node's addresses that these rounds use, so that nothing else is given one of them. */
const FIRST_HOST = 100;
const HOSTS = 100;
const RATE = 1_500;

/** Frames that got there, of those that must not, and what was dropped. */
type Round = {
  readonly toOwner: number;
  readonly toChaos: number;
  readonly fromChaos: number;
  /** At the new owner's device, and not seen by the counter. */
  readonly leaked: number;
  readonly lost: number;
  readonly drops: DropCounts;
};

function policy() {
  const friends = [{ podSelector: { matchLabels: { role: 'friend' } } }];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'home-with-friends', namespace: NAMESPACE },
    spec: {
      podSelector: { matchLabels: { role: 'home' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: friends }],
      egress: [{ to: friends }],
    },
  };
}

/** A pod that talks to friends only, and a friend on another node whose address somebody else gets. */
class StaleScene {
  readonly #stage: Stage;
  readonly #elsewhere: NodePlace;
  readonly home: Actor;
  readonly #server: Server;
  /** At home, of what agent_of_chaos sends. */
  readonly #counter: Counter;
  readonly #markers = { in: newMarker(), old: newMarker(), fresh: newMarker() };
  #round = 0;
  #friend: Actor | undefined;
  #client: Client | undefined;

  private constructor(
    stage: Stage,
    elsewhere: NodePlace,
    parts: { home: Actor; server: Server; counter: Counter; marker: Uint8Array },
  ) {
    this.#stage = stage;
    this.#elsewhere = elsewhere;
    this.home = parts.home;
    this.#server = parts.server;
    this.#counter = parts.counter;
    this.#markers.in = parts.marker;
  }

  static async open(stage: Stage, elsewhere: NodePlace): Promise<StaleScene> {
    await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    await stage.apply(policy());
    const home = await stage.startPod({ namespace: NAMESPACE, name: 'home', labels: { role: 'home' } });
    const marker = newMarker();
    const server = stage.own(await startServe(home.netns, { port: PORT, push: true, rate: 50 }));
    const counter = stage.own(await startCount(home.netns, { devices: ['eth0'], patterns: { chaos: marker } }));
    const scene = new StaleScene(stage, elsewhere, { home, server, counter, marker });
    await scene.#newFriend();
    await scene.#talk();
    return scene;
  }

  /** Frames and bytes of agent_of_chaos that got home. */
  async reachedHome(): Promise<{ packets: number; bytes: number; lost: number }> {
    const [counted, served] = await Promise.all([this.#counter.report(), this.#server.report()]);
    return { packets: counted.matches['chaos'] ?? 0, bytes: served.marked, lost: counted.lost };
  }

  async round(): Promise<Round> {
    const stage = this.#stage;
    const { friend, client } = this.#current();
    const atFriend = stage.own(await startCount(friend.netns, { devices: ['eth0'], patterns: this.#out }));
    const numbers = await this.#numbers(client);
    const out = this.#send(numbers, friend);
    const toOwner = await stage.until('the friend is reached, by old connections and by new', async () => {
      const { old = 0, fresh = 0 } = (await atFriend.report()).matches;
      return Math.min(old, fresh) || undefined;
    });
    const goOn = await stopAgent(stage, stage.node);
    const name = stage.fresh('agent-of-chaos');
    // In its namespace before its device exists.
    await stage.sandbox.holdNetwork(NAMESPACE, name);
    const wish = { namespace: NAMESPACE, name, labels: { app: 'agent_of_chaos' }, ip: friend.ip };
    await stage.createPod({ ...wish, node: this.#elsewhere });
    const netns = await stage.until(`${name} has a namespace`, () => stage.netnsOf(NAMESPACE, name));
    const frames = chaosFrames({ ip: friend.ip, mac: macOfAddr(friend.ip) }, numbers, this.#markers.in);
    const flood = stage.own(startSend(netns, frames, { wait: true, up: true, count: 0, rate: RATE }));
    const atChaos = stage.own(await startCount(netns, { devices: ['eth0'], wait: true, patterns: this.#out }));
    const takeOver = async (): Promise<void> => {
      await stage.deletePod(friend.namespace, friend.name);
      await stage.sandbox.releaseNetwork(NAMESPACE, name);
      await Promise.all([client.kill(), atFriend.kill()]);
      await stage.whenReady(NAMESPACE, name);
    };
    await Promise.all([this.#newFriend(), takeOver()]);
    const before = (await out.report()).sent;
    // Both go on until each was tried against the new owner's open device.
    const drops = await stage.inTheEnd(
      async () => {
        const [mine, its] = await Promise.all([out.report(), flood.report()]);
        const found = await dropCounts(stage, { namespace: NAMESPACE, name });
        return { isTried: mine.sent > before && its.sent > 0, found };
      },
      ({ isTried, found }) => isTried && (found['stale-destination'] ?? 0) > 0,
    );
    const [sent, attacked] = await Promise.all([out.stop(), flood.stop()]);
    await stage.settle();
    const counted = await atChaos.stop();
    await goOn();
    await stage.deletePod(NAMESPACE, name);
    await this.#talk();
    const { old = 0, fresh = 0 } = counted.matches;
    return {
      toOwner,
      toChaos: sent.sent - before,
      fromChaos: attacked.sent,
      leaked: old + fresh,
      lost: counted.lost,
      drops: drops.found,
    };
  }

  get #out() {
    const { old, fresh } = this.#markers;
    return { old, fresh };
  }

  #current(): { friend: Actor; client: Client } {
    if (this.#friend === undefined || this.#client === undefined) throw new TypeError('no friend yet');
    return { friend: this.#friend, client: this.#client };
  }

  async #newFriend(): Promise<void> {
    const host = FIRST_HOST + (this.#round % HOSTS);
    this.#round += 1;
    const ip = this.#elsewhere.podCidr.replace(/\.0\/24$/, `.${host}`);
    const name = this.#stage.fresh('friend');
    const wish = { namespace: NAMESPACE, name, labels: { role: 'friend' }, ip };
    this.#friend = await this.#stage.startPod({ ...wish, node: this.#elsewhere });
  }

  /** The friend is known at home, too. */
  async #talk(): Promise<void> {
    const stage = this.#stage;
    const friend = this.#friend;
    if (friend === undefined) throw new TypeError('no friend yet');
    const client = stage.own(startConnect(friend.netns, { to: this.home.ip, port: PORT, rate: 200 }));
    this.#client = client;
    await stage.until(`${friend.name} is let in`, async () => {
      const { state, acked, received } = await client.report();
      return state === 'open' && acked > 0 && received > 0 ? true : undefined;
    });
  }

  async #numbers(client: Client): Promise<Numbers> {
    const { local, sequence, acknowledgement } = await client.report();
    const localPort = Number(local.split(':')[1]);
    return { localPort, remote: this.home.ip, remotePort: PORT, sequence, acknowledgement };
  }

  /** What home may send to its friend: on the old connection, and what opens new ones. */
  #send({ localPort, sequence, acknowledgement }: Numbers, { ip }: Actor) {
    const { old, fresh } = this.#markers;
    const mine = {
      localPort: PORT,
      remote: ip,
      remotePort: localPort,
      sequence: acknowledgement,
      acknowledgement: sequence,
    };
    const frames = [
      nextSegment(this.home, mine, ['PSH', 'ACK'], old),
      podFrame(this.home, ip, syn(50_001, PORT, fresh)),
      podFrame(this.home, ip, udp(50_002, PORT, fresh)),
      podFrame(this.home, ip, ping(7, fresh)),
    ];
    return this.#stage.own(startSend(this.home.netns, frames, { count: 0, rate: RATE }));
  }
}

/** 19. The address of a deleted pod goes to agent_of_chaos while another node's agent cannot hear of it. */
export async function* staleAddress(
  stage: Stage,
  options: { rounds?: number; onProgress?: (text: string) => void } = {},
): AsyncGenerator<AttackLine> {
  const { rounds = DEFAULT_ROUNDS, onProgress = () => undefined } = options;
  const elsewhere = stage.nodes.otherThan(stage.node);
  if (elsewhere === undefined) return;
  const scene = await StaleScene.open(stage, elsewhere);
  const begin = systemClock.now();
  const before = await dropCounts(stage, scene.home);
  const all: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    onProgress(`round ${round + 1} of ${rounds}`);
    all.push(await scene.round());
  }
  const seconds = ((systemClock.now() - begin) / 1_000 / rounds).toFixed(2);
  const sum = (of: (round: Round) => number): number => all.reduce((total, round) => total + of(round), 0);
  const [leaked, lost] = [sum((round) => round.leaked), sum((round) => round.lost)];
  const silent = all.filter(
    ({ toOwner, toChaos, drops }) => !(toOwner && toChaos && drops['stale-destination']),
  ).length;
  const scenery = `the agent of ${stage.node.name} is stopped (SIGSTOP); ${elsewhere.name}: friend deleted, agent_of_chaos created with its IP`;
  yield {
    id: '19.to-new-owner',
    claim: 'what was allowed to the former owner of an address does not reach the new one',
    tried: `${scenery}; a pod here goes on sending to its friend, on the old connection and to open new ones (${plural(rounds, 'round')})`,
    expected: 'frames reach the friend, and none agent_of_chaos: dropped there as stale-destination',
    seen: joinSeen([
      `${plural(
        sum(({ toChaos }) => toChaos),
        'frame',
      )} sent once its device was open, ${leaked} at its device`,
      silent > 0 ? `${plural(silent, 'round')} that show nothing` : '',
      lost > 0 ? `${lost} not seen by the counter` : '',
      `${seconds} s a round`,
    ]),
    held: leaked + lost + silent === 0,
    decidedBy: `agent_of_chaos's own devices: ${dropsText(sumDrops(...all.map(({ drops }) => drops))) || 'nothing dropped'}`,
  };
  const { packets, bytes, lost: unseen } = await scene.reachedHome();
  const drops = dropsSince(before, await dropCounts(stage, scene.home));
  const idle = all.filter(({ fromChaos }) => fromChaos === 0).length;
  yield {
    id: '19.from-new-owner',
    claim: 'and what was allowed from the former owner is not from the new one',
    tried: `the same rounds: agent_of_chaos floods from its first instant with the old connection's ports and sequence numbers`,
    expected: '0 packets at the pod that its former owner talked to',
    seen: joinSeen([
      `${plural(
        sum(({ fromChaos }) => fromChaos),
        'frame',
      )} sent, ${packets} at the pod's device, ${bytes} bytes read by its server`,
      idle > 0 ? `${plural(idle, 'round')} without a single frame sent` : '',
      unseen > 0 ? `${unseen} not seen by the counter` : '',
    ]),
    held: packets + bytes + unseen + idle === 0 && (drops['policy-ingress'] ?? 0) > 0,
    decidedBy: `the device of ${scene.home.name}: ${dropsText(drops) || 'nothing dropped'}`,
  };
}
