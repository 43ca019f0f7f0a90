import { type Addr, addrBytes, parseAddr } from '../../net/index.ts';
import { attempt, inNetnsArgv, run, uplinkPort } from '../../sandbox/index.ts';
import { newMarker, ping, podFrame, syn, udp } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  flowText,
  joinSeen,
  plural,
  podName,
  type SeenFlow,
  type Stage,
} from '../stage/index.ts';
import {
  ANSWERED_MS,
  type Answerer,
  ask,
  type Protocol,
  patience,
  type Seat,
  sendFrames,
  startAnswer,
  startCount,
} from '../tools/index.ts';

const CLAIM = 'service addresses that nobody serves do not leave the node';
const NAMESPACE = 'unserved';
const WEB = { app: 'web' };
const PORT = 80;
const BACKEND_PORT = 8080;
/** Of the sandbox's range of services, and nobody's. */
const UNALLOCATED = parseAddr('10.111.222.33');
const IMPOSTOR = 'impostor';
const REASON = 'service-unknown';

type Scene = {
  readonly service: Addr;
  readonly client: Actor;
  readonly impostor: Impostor;
};

/** Who has both addresses outside, and serves there whatever is asked for. */
class Impostor {
  readonly #stage: Stage;
  readonly #answerers: Answerer[] = [];
  readonly #addrs: readonly Addr[];

  constructor(stage: Stage, addrs: readonly Addr[]) {
    this.#stage = stage;
    this.#addrs = addrs;
  }

  async start(): Promise<void> {
    const stage = this.#stage;
    const change = async (verb: string, addr: Addr) =>
      await run(inNetnsArgv(stage.worldNetns, ['ip', 'addr', verb, `${addr}/32`, 'dev', 'lo']));
    for (const at of this.#addrs) {
      stage.afterwards(async () => await change('del', at));
      await change('add', at);
      for (const port of [PORT, PORT + 1]) {
        this.#answerers.push(stage.own(await startAnswer(stage.worldNetns, { at, port, text: IMPOSTOR })));
      }
    }
  }

  /** Does it answer whoever reaches it? */
  async answers(): Promise<boolean> {
    const told = await ask(this.#stage.worldNetns, {
      to: UNALLOCATED,
      port: PORT,
      protocol: 'TCP',
      timeoutMs: ANSWERED_MS,
    });
    return told.text.startsWith(IMPOSTOR);
  }

  async reached(): Promise<number> {
    const reports = await Promise.all(this.#answerers.map((answerer) => answerer.report()));
    return reports.reduce((sum, { connections, datagrams }) => sum + connections + datagrams, 0);
  }

  /** What of it is seen outside while `act` runs: frames with one of the addresses, and whom the impostor served. */
  async during(act: () => Promise<void>): Promise<{ frames: number; reached: number; lost: number }> {
    const { worldNetns, node } = this.#stage;
    const patterns = Object.fromEntries(this.#addrs.map((addr, i) => [`address-${i}`, addrBytes(addr)]));
    const before = await this.reached();
    const counter = this.#stage.own(await startCount(worldNetns, { devices: [uplinkPort(node)], patterns }));
    await act();
    await this.#stage.settle();
    const { matches, lost } = await counter.stop();
    const frames = Object.values(matches).reduce((sum, count) => sum + count, 0);
    return { frames, reached: (await this.reached()) - before, lost };
  }
}

async function build(stage: Stage): Promise<Scene> {
  await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  await stage.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: NAMESPACE, name: 'web' },
    spec: { selector: WEB, ports: [{ port: PORT, targetPort: BACKEND_PORT, protocol: 'TCP' }] },
  });
  const [client, backend] = await Promise.all([
    stage.startPod({ namespace: NAMESPACE, name: 'client', labels: {} }),
    stage.startPod({ namespace: NAMESPACE, name: 'backend', labels: WEB }),
  ]);
  stage.own(await startAnswer(await stage.inPod(backend), { at: '0.0.0.0', port: BACKEND_PORT, text: 'web' }));
  const { frontends } = await stage.served(NAMESPACE, 'web', 1);
  const service = parseAddr(frontends[0]?.address ?? '');
  const impostor = new Impostor(stage, [service, UNALLOCATED]);
  await impostor.start();
  return { service, client, impostor };
}

/** Else the lines that follow would prove nothing. */
async function servedLine({ service, client, impostor }: Scene, seats: readonly Seat[]): Promise<AttackLine> {
  const question = { to: service, port: PORT, protocol: 'TCP', timeoutMs: ANSWERED_MS } as const;
  const told = await Promise.all(seats.map((seat) => ask(seat, question)));
  const answers = await impostor.answers();
  return {
    id: '14.served',
    claim: 'what a service serves it serves',
    tried: `${podName(client)} and a process of the node ask ${service}:${PORT}, which an impostor outside has, too`,
    expected: 'the backend answers',
    seen: joinSeen([
      told.map(({ text, state }) => text.split(' ')[0] || state).join(', '),
      answers ? 'the impostor serves who reaches it' : 'nobody plays the impostor',
    ]),
    held: answers && told.every(({ text }) => text.startsWith('web ')),
    decidedBy: 'the service',
  };
}

type Asked = { readonly to: Addr; readonly port: number; readonly protocol: Protocol };

/** Processes ask through sockets, in every way that the service does not serve. */
async function socketLine(
  stage: Stage,
  { service, impostor }: Scene,
  who: { readonly id: string; readonly name: string; readonly seat: Seat; readonly is: (flow: SeenFlow) => boolean },
): Promise<AttackLine> {
  const asked: readonly Asked[] = [
    { to: service, port: PORT + 1, protocol: 'TCP' },
    { to: service, port: PORT, protocol: 'UDP' },
    { to: UNALLOCATED, port: PORT, protocol: 'TCP' },
    { to: UNALLOCATED, port: PORT, protocol: 'UDP' },
  ];
  const since = Date.now() - 1;
  const states: string[] = [];
  let pongs = 0;
  const outside = await impostor.during(async () => {
    const told = Promise.all(asked.map((one) => ask(who.seat, one)));
    const pinged = Promise.all([service, UNALLOCATED].map((to) => pongsOf(who.seat, to)));
    states.push(...(await told).map(({ text, state }) => text || state));
    pongs = (await pinged).reduce((sum, count) => sum + count, 0);
  });
  const flows = await Promise.all(
    asked.map(({ to, port, protocol }) =>
      stage.witness.find(
        (flow) =>
          who.is(flow) &&
          flow.dropReason === REASON &&
          flow.protocol === protocol &&
          flow.destination.addr === to &&
          flow.destination.port === port,
        { since },
      ),
    ),
  );
  const [flow] = flows;
  return {
    id: who.id,
    claim: CLAIM,
    tried: `${who.name} asks ${asked.map(({ to, port, protocol }) => `${to}:${port}/${protocol}`).join(', ')}, and pings both`,
    expected: 'refused at once; nothing reaches the impostor',
    seen: joinSeen([
      states.join(', '),
      plural(pongs, 'pong'),
      `outside ${plural(outside.frames, 'frame')}, ${outside.reached} served by the impostor`,
    ]),
    held:
      states.every((state) => state === 'ECONNREFUSED') &&
      pongs + outside.frames + outside.reached + outside.lost === 0 &&
      flows.every((one) => one !== undefined),
    decidedBy: flow === undefined ? 'no flow was reported' : flowText(flow),
  };
}

async function pongsOf({ prefix, env }: Seat, to: Addr): Promise<number> {
  const argv = [...prefix, 'ping', '-n', '-q', '-i', '0.1', '-w', '1', '-c', '2', to];
  const { stdout } = await attempt(argv, { timeoutMs: patience(5_000), ...(env && { env }) });
  return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
}

/** Frames of a raw socket, which no hook of sockets sees. */
async function rawLine(stage: Stage, { service, client, impostor }: Scene): Promise<AttackLine> {
  const marker = newMarker();
  const frames = [service, UNALLOCATED].flatMap((to) => [
    podFrame(client, to, syn(4_001, PORT + 1, marker)),
    podFrame(client, to, udp(4_002, PORT, marker)),
    podFrame(client, to, ping(4_003, marker)),
  ]);
  const since = Date.now() - 1;
  let sent = 0;
  const outside = await impostor.during(async () => {
    ({ sent } = await sendFrames(client.netns, frames));
  });
  const flow = await stage.witness.find(
    ({ source, destination, dropReason, hook }) =>
      source.pod === client.name &&
      source.namespace === NAMESPACE &&
      destination.addr === UNALLOCATED &&
      dropReason === REASON &&
      hook === 'from-pod',
    { since },
  );
  return {
    id: '14.raw',
    claim: CLAIM,
    tried: `the same past the sockets: ${plural(sent, 'frame')} of ${podName(client)}, TCP, UDP and pings to ${service} and ${UNALLOCATED}`,
    expected: 'dropped at its own device',
    seen: `outside ${plural(outside.frames, 'frame')}, ${outside.reached} served by the impostor`,
    held: sent === frames.length && outside.frames + outside.reached + outside.lost === 0 && flow !== undefined,
    decidedBy: flow === undefined ? 'no flow was reported' : flowText(flow),
  };
}

/** 14. An impostor outside has addresses that the cluster gives to services. */
export async function* unserved(stage: Stage): AsyncGenerator<AttackLine> {
  const scene = await build(stage);
  const { client } = scene;
  const [pod, node] = await Promise.all([stage.inPod(client), stage.onNode()]);
  yield await servedLine(scene, [pod, node]);
  yield await socketLine(stage, scene, {
    id: '14.pod',
    name: podName(client),
    seat: pod,
    is: ({ source }) => source.namespace === NAMESPACE && source.pod === client.name,
  });
  yield await socketLine(stage, scene, {
    id: '14.node',
    name: 'a process of the node',
    seat: node,
    is: ({ source }) => source.labels.includes('reserved:host'),
  });
  yield await rawLine(stage, scene);
}
