import { systemClock } from '../../base/index.ts';
import { macOfAddr } from '../../net/index.ts';
import { chaosFrames, type Numbers, newMarker, nextSegment } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  BACKEND,
  BACKEND_PORT,
  type DropCounts,
  dropCounts,
  dropsText,
  FRONTEND,
  joinSeen,
  plural,
  type Stage,
  sumDrops,
  totalDrops,
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

const TENANT = 'tenant-a';
/** The open address range of the sandbox's node that these rounds use, so that nothing else is given one of them. */
const FIRST_HOST = 100;
const HOSTS = 100;
/** Frames a second, from the instant that the device takes them. */
const FLOOD_RATE = 4_000;
/** How long the flood goes on after the pod's device is open, in ms. */
const FLOOD_MS = 40;
const DEFAULT_ROUNDS = 100;

export type ChaosOptions = {
  readonly rounds: number;
  /** The backend keeps sending on the old connection, and nothing keeps it from reaching the new pod. */
  readonly hard: boolean;
  readonly onProgress: (text: string) => void;
};

type Round = { readonly sent: number; readonly drops: DropCounts; readonly letInMs: number };

/** The scene of one variant: a backend that counts, and a frontend that talks to it. */
class ChaosScene {
  readonly #stage: Stage;
  readonly #hard: boolean;
  readonly #backend: Actor;
  readonly #server: Server;
  readonly #counter: Counter;
  readonly #marker: Uint8Array;
  /** Where agent_of_chaos is created. */
  readonly #namespace: string;
  #round = 0;
  #frontend: Actor | undefined;
  #client: Client | undefined;

  private constructor(options: {
    stage: Stage;
    hard: boolean;
    backend: Actor;
    server: Server;
    counter: Counter;
    marker: Uint8Array;
    namespace: string;
  }) {
    this.#stage = options.stage;
    this.#hard = options.hard;
    this.#backend = options.backend;
    this.#server = options.server;
    this.#counter = options.counter;
    this.#marker = options.marker;
    this.#namespace = options.namespace;
  }

  static async open(stage: Stage, hard: boolean): Promise<ChaosScene> {
    const marker = newMarker();
    const namespace = hard ? 'chaos' : TENANT;
    // No policy isolates this namespace: what the backend sends reaches whoever has the address now.
    if (hard) await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const backend = await stage.startPod({ namespace: TENANT, name: stage.fresh('backend'), labels: BACKEND });
    const server = stage.own(await startServe(backend.netns, { port: BACKEND_PORT, push: hard, rate: 50 }));
    const counter = stage.own(await startCount(backend.netns, { devices: ['eth0'], patterns: { chaos: marker } }));
    const scene = new ChaosScene({ stage, hard, backend, server, counter, marker, namespace });
    await scene.#newFrontend();
    await scene.#talk();
    return scene;
  }

  /** Packets and bytes of agent_of_chaos that got to the backend. */
  async leaks(): Promise<{ packets: number; bytes: number; lost: number; drops: DropCounts }> {
    const [counted, served, drops] = await Promise.all([
      this.#counter.report(),
      this.#server.report(),
      dropCounts(this.#stage, this.#backend),
    ]);
    return { packets: counted.matches['chaos'] ?? 0, bytes: served.marked, lost: counted.lost, drops };
  }

  async round(): Promise<Round> {
    const stage = this.#stage;
    const { frontend, client } = this.#current();
    const numbers = await this.#numbers(client);
    const name = stage.fresh('agent-of-chaos');
    const namespace = this.#namespace;
    const wish = { namespace, name, labels: { app: 'agent_of_chaos' }, ip: frontend.ip };

    // The attacker is in its namespace before its device exists.
    await stage.sandbox.holdNetwork(namespace, name);
    await stage.createPod(wish);
    const netns = await stage.until(`${name} has a namespace`, () => stage.netnsOf(namespace, name));
    const party = { ip: frontend.ip, mac: macOfAddr(frontend.ip) };
    const frames = chaosFrames(party, numbers, this.#marker);
    const flood = stage.own(startSend(netns, frames, { wait: true, up: true, count: 0, rate: FLOOD_RATE }));
    const resend = this.#hard ? this.#keepSending(numbers, frontend) : undefined;

    const takeOver = async (): Promise<void> => {
      await stage.deletePod(frontend.namespace, frontend.name);
      await stage.sandbox.releaseNetwork(namespace, name);
      await client.kill();
      await stage.whenReady(namespace, name);
    };
    await Promise.all([this.#newFrontend(), takeOver()]);
    const letInMs = await this.#talk();
    await stage.inTheEnd(
      async () => (await flood.report()).sent,
      (count) => count > 0,
    );
    await stage.settle(FLOOD_MS);
    const { sent } = await flood.stop();
    await resend?.stop();
    const drops = await stage.inTheEnd(
      () => dropCounts(stage, { namespace, name }),
      (counts) => totalDrops(counts) >= sent,
      2_000,
    );
    await stage.deletePod(namespace, name);
    return { sent, drops, letInMs };
  }

  #current(): { frontend: Actor; client: Client } {
    if (this.#frontend === undefined || this.#client === undefined) throw new TypeError('no frontend yet');
    return { frontend: this.#frontend, client: this.#client };
  }

  /** A frontend at an address that none had lately. */
  async #newFrontend(): Promise<void> {
    const host = FIRST_HOST + (this.#round % HOSTS);
    this.#round += 1;
    const ip = this.#stage.node.podCidr.replace(/\.0\/24$/, `.${host}`);
    const name = this.#stage.fresh('frontend');
    this.#frontend = await this.#stage.startPod({ namespace: TENANT, name, labels: FRONTEND, ip });
  }

  /** Lets the present frontend connect; gives the ms until the backend has received something from it. */
  async #talk(): Promise<number> {
    const stage = this.#stage;
    const frontend = this.#frontend;
    if (frontend === undefined) throw new TypeError('no frontend yet');
    const begin = performance.now();
    const client = stage.own(startConnect(frontend.netns, { to: this.#backend.ip, port: BACKEND_PORT, rate: 200 }));
    this.#client = client;
    await stage.until(`${frontend.name} is let in`, async () => {
      const report = await client.report();
      return report.state === 'open' && report.acked > 0 ? report : undefined;
    });
    return performance.now() - begin;
  }

  async #numbers(client: Client): Promise<Numbers> {
    const { local, sequence, acknowledgement } = await client.report();
    return {
      localPort: Number(local.split(':')[1]),
      remote: this.#backend.ip,
      remotePort: BACKEND_PORT,
      sequence,
      acknowledgement,
    };
  }

  /** The backend's own next segments of the old connection, over and over. */
  #keepSending(numbers: Numbers, to: Actor) {
    const mine: Numbers = {
      localPort: BACKEND_PORT,
      remote: to.ip,
      remotePort: numbers.localPort,
      sequence: numbers.acknowledgement,
      acknowledgement: numbers.sequence,
    };
    const payload = new TextEncoder().encode('retransmitted');
    const frames = [
      nextSegment(this.#backend, mine, ['PSH', 'ACK'], payload),
      nextSegment(this.#backend, mine, ['ACK'], payload),
    ];
    return this.#stage.own(startSend(this.#backend.netns, frames, { count: 0, rate: 500 }));
  }
}

async function* variant(stage: Stage, options: ChaosOptions): AsyncGenerator<AttackLine> {
  const { rounds, hard, onProgress } = options;
  const scene = await ChaosScene.open(stage, hard);
  const begin = systemClock.now();
  let sent = 0;
  let drops: DropCounts = {};
  let letIn = 0;
  let silent = 0;
  let unexplained = 0;
  for (let round = 0; round < rounds; round += 1) {
    onProgress(`round ${round + 1} of ${rounds}`);
    const done = await scene.round();
    sent += done.sent;
    drops = sumDrops(drops, done.drops);
    letIn = Math.max(letIn, done.letInMs);
    if (done.sent === 0) silent += 1;
    unexplained += Math.max(0, done.sent - totalDrops(done.drops));
  }
  const seconds = (systemClock.now() - begin) / 1_000;
  const { packets, bytes, lost, drops: atBackend } = await scene.leaks();
  const tried = hard
    ? 'the same while the backend keeps sending on the old connection to whoever has its address'
    : "frontend deleted, agent_of_chaos created at once with its IP, flooding from its first instant with the old connection's ports and sequence numbers";
  yield {
    id: hard ? '2.hard' : '2.reused-address',
    claim: 'an address is not an identity: who reuses it gets nothing',
    tried: `${tried} (${plural(rounds, 'round')})`,
    expected: '0 packets at the backend, each counted as dropped; the new frontend is let in at once',
    seen: joinSeen([
      `${plural(sent, 'frame')} sent, ${packets} at the backend's device, ${bytes} bytes read by its server`,
      `new frontends let in, the slowest after ${letIn.toFixed(0)} ms`,
      unexplained > 0 ? `${plural(unexplained, 'frame')} neither arrived nor counted as dropped` : '',
      silent > 0 ? `${plural(silent, 'round')} without a single frame sent` : '',
      lost > 0 ? `${lost} not seen by the counter` : '',
      `${(seconds / rounds).toFixed(2)} s a round`,
    ]),
    held: packets + bytes + lost + silent + unexplained === 0 && sent > 0,
    decidedBy: joinSeen([
      `agent_of_chaos's own devices: ${dropsText(drops) || 'nothing dropped'}`,
      hard ? `the backend's own device, of what it sends after the address: ${dropsText(atBackend) || 'nothing'}` : '',
    ]),
  };
}

/** 2. The address of a deleted pod is given to agent_of_chaos at once. */
export async function* chaos(
  stage: Stage,
  options: { rounds?: number; onProgress?: (text: string) => void } = {},
): AsyncGenerator<AttackLine> {
  const { rounds = DEFAULT_ROUNDS, onProgress = () => undefined } = options;
  yield* variant(stage, { rounds, hard: false, onProgress });
  await stage.clear();
  yield* variant(stage, { rounds, hard: true, onProgress });
}
