import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ApiClient, ObserveLine, ServiceView } from '../../../src/api/index.ts';
import { stringAt } from '../../../src/sandbox/apiserver/index.ts';
import type { SandboxCluster } from '../../../src/sandbox/cluster/cluster.ts';
import { attempt, type CommandResult } from '../../../src/sandbox/machine/command.ts';
import { eventually } from './eventually.ts';
import { Talker, type TalkerKind } from './talker.ts';

const PROGRAMS = join(import.meta.dirname, 'programs');
/** See programs/server. */
const SERVER = join(import.meta.dirname, '../../../build/scenario-server');

/** Pods have an environment of their own. */
const COMPILED = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '' };

/** Where a client runs: a process of the node, the world, or the pod of this name. */
export type Place = 'node' | 'world' | (string & {});

export type SceneCommand = { readonly argv: readonly string[]; readonly env: NodeJS.ProcessEnv };

/** What scenes play on. */
export type SceneGround = {
  readonly cluster: SandboxCluster;
  readonly api: ApiClient;
  /** What runs `argv` with the privileges and in the cgroup of that place. */
  command(place: Place, namespace: string, argv: readonly string[]): Promise<SceneCommand>;
};

type PodPort = {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: string;
  readonly hostPort?: number;
  readonly hostIP?: string;
};

export type PodWish = {
  readonly labels?: Readonly<Record<string, string>>;
  /** What it serves, e.g. `['tcp:8080', 'udp:53']`; none: it only lives. */
  readonly serves?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly ports?: readonly PodPort[];
  /** Past the scheduler: the node that it is bound to. */
  readonly nodeName?: string;
  /** Ready when the server on this port says so; default: from the start. */
  readonly probe?: number;
  readonly graceSeconds?: number;
  readonly hostNetwork?: boolean;
  /** Do not wait until it is ready. */
  readonly early?: boolean;
};

type DroppedFlow = Extract<ObserveLine, { kind: 'flow' }>['flow'];
export type Spec = Readonly<Record<string, unknown>>;
export type Endpoint = { readonly addresses: readonly string[] } & Spec;

type Asked = {
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  /** Answers from another address than the one that was asked. */
  readonly strange: number;
  readonly names: readonly string[];
};

export type Service = { readonly clusterIP: string; readonly nodePort: number; readonly healthPort: number };

/** What came of one or several requests by curl, each on a connection of its own. */
export type Curl = {
  /** Of the last: 0 an answer, 7 refused, 28 nothing in time, 52 and 56 broken off. */
  readonly code: number;
  /** Names of the pods that answered, one for each answer. */
  readonly names: readonly string[];
  /** Addresses that the pods saw. */
  readonly clients: readonly string[];
  /** Of the last, in ms. */
  readonly ms: number;
};

/** `seconds`: of each; `from`: an address of the world to ask from. */
type CurlOptions = { readonly count?: number; readonly seconds?: number; readonly from?: string };

/** Of a pod that serves UDP only, which no probe asks. */
const PROBED = 'tcp:9999';

export const REFUSED = 7;
export const SILENCE = 28;

/** One test's namespace, with what was made in it. */
export class Scene {
  readonly lab: SceneGround;
  readonly namespace: string;
  readonly #talkers: Talker[] = [];

  constructor(lab: SceneGround, namespace: string) {
    this.lab = lab;
    this.namespace = namespace;
  }

  async close(): Promise<void> {
    for (const talker of this.#talkers) talker.end();
    const { cluster } = this.lab;
    const pods = await cluster.list('pods', this.namespace);
    for (const { metadata } of pods) await this.remove('pods', metadata.name);
    await cluster.delete({ resource: 'namespaces', name: this.namespace });
    for (const { metadata } of pods) await cluster.waitGone(this.namespace, metadata.name);
  }

  async apply(apiVersion: string, kind: string, rest: Spec, metadata: Spec): Promise<void> {
    const object = { apiVersion, kind, metadata: { namespace: this.namespace, ...metadata }, ...rest };
    await this.lab.cluster.apply(JSON.stringify(object));
  }

  /** A pod that serves, ready unless it is wanted early; its address. */
  async pod(name: string, wish: PodWish = {}): Promise<string> {
    const { serves = [], env = {}, graceSeconds = 0, hostNetwork = false, ports = [], probe, nodeName } = wish;
    // Without a probe a pod is ready before its server listens; what it serves is open before what comes after it.
    const isSilent = serves.length > 0 && firstTcp(serves) === undefined;
    const served = isSilent ? [...serves, PROBED] : serves;
    const command = served.length === 0 ? ['sleep', 'infinity'] : [SERVER, ...served];
    const check = probe === undefined ? firstTcp(served) : { httpGet: { port: probe, path: '/ready' } };
    const readinessProbe = check && { ...check, periodSeconds: 1, failureThreshold: 1 };
    const container = {
      name: 'main',
      image: 'host',
      command,
      ports,
      env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
      ...(readinessProbe && { readinessProbe }),
    };
    await this.apply(
      'v1',
      'Pod',
      { spec: { terminationGracePeriodSeconds: graceSeconds, hostNetwork, nodeName, containers: [container] } },
      { name, labels: wish.labels ?? {} },
    );
    if (wish.early === true) return '';
    await this.lab.cluster.waitReady({ pods: [`${this.namespace}/${name}`] });
    return await this.podIp(name);
  }

  async podIp(name: string): Promise<string> {
    const pod = await this.lab.cluster.get({ resource: 'pods', namespace: this.namespace, name });
    return (pod?.['status'] as { podIP?: string } | undefined)?.podIP ?? '';
  }

  /** Several pods of one label `app`, in parallel. */
  async pods(names: readonly string[], app: string, wish: PodWish = {}): Promise<string[]> {
    return await Promise.all(names.map((name) => this.pod(name, { serves: ['tcp:8080'], labels: { app }, ...wish })));
  }

  /** Creates or replaces a Service whose selector is `app: NAME` unless the spec has another. */
  async service(name: string, spec: Spec, metadata: Spec = {}): Promise<Service> {
    await this.apply('v1', 'Service', { spec: { selector: { app: name }, ...spec } }, { name, ...metadata });
    return await this.read(name);
  }

  async read(name: string): Promise<Service> {
    const found = await this.lab.cluster.get({ resource: 'services', namespace: this.namespace, name });
    if (found === undefined) throw new Error(`there is no service ${name}`);
    const spec = found['spec'] as { clusterIP?: string; ports?: { nodePort?: number }[]; healthCheckNodePort?: number };
    const { clusterIP = '', ports = [], healthCheckNodePort = 0 } = spec;
    return { clusterIP, nodePort: ports[0]?.nodePort ?? 0, healthPort: healthCheckNodePort };
  }

  /** Merge patch of a service's spec. */
  async patch(name: string, spec: Record<string, unknown>): Promise<Service> {
    await this.lab.cluster.patch({ resource: 'services', namespace: this.namespace, name }, {
      spec,
    } as never);
    return await this.read(name);
  }

  /** A slice that no controller manages. */
  async slice(name: string, service: string, endpoints: readonly Endpoint[], ports: readonly Spec[]): Promise<void> {
    const labels = { 'kubernetes.io/service-name': service };
    await this.apply(
      'discovery.k8s.io/v1',
      'EndpointSlice',
      { addressType: 'IPv4', endpoints, ports },
      { name, labels },
    );
  }

  /** Lets only pods with these labels reach those with the others. */
  async allowOnly(from: Readonly<Record<string, string>>, to: Readonly<Record<string, string>>): Promise<void> {
    const ingress = [{ from: [{ podSelector: { matchLabels: from } }] }];
    const spec = { podSelector: { matchLabels: to }, policyTypes: ['Ingress'], ingress };
    await this.apply('networking.k8s.io/v1', 'NetworkPolicy', { spec }, { name: 'only' });
  }

  async remove(resource: string, name: string, graceSeconds?: number): Promise<void> {
    const grace = graceSeconds ?? (resource === 'pods' ? 0 : undefined);
    await this.lab.cluster.delete({ resource, namespace: this.namespace, name }, grace);
  }

  /** Warnings on a service. */
  async events(name: string): Promise<string[]> {
    const events = await this.lab.cluster.list('events', this.namespace);
    return events
      .filter((event) => stringAt(event, 'involvedObject', 'name') === name)
      .map((event) => `${String(stringAt(event, 'reason'))}: ${String(stringAt(event, 'message'))}`);
  }

  /** The newest dropped packet of a pod, as `membrane observe` tells of it. */
  async dropped(pod: string): Promise<DroppedFlow> {
    const filter = { fromPod: [`${this.namespace}/${pod}`], verdict: ['dropped' as const] };
    let newest: DroppedFlow | undefined;
    await eventually(`a drop of ${pod} is told of`, async () => {
      for await (const line of this.lab.api.observe({ filter, last: 10 })) if (line.kind === 'flow') newest = line.flow;
      return newest !== undefined;
    });
    if (newest === undefined) throw new Error('unreachable');
    return newest;
  }

  /** As `membrane service list` shows it. */
  async view(name: string): Promise<ServiceView | undefined> {
    const { items } = await this.lab.api.services();
    return items.find((item) => item.namespace === this.namespace && item.name === name);
  }

  /** Until the kernel has this many ready backends of a service. */
  async served(name: string, ready: number): Promise<ServiceView> {
    let view: ServiceView | undefined;
    await eventually(`${name} has ${ready} backends`, async () => {
      view = await this.view(name);
      return view?.state === 'applied' && view.backends.filter(({ state }) => state === 'ready').length === ready;
    });
    if (view === undefined) throw new Error('unreachable');
    return view;
  }

  async run(place: Place, argv: readonly string[], timeoutMs = 120_000): Promise<CommandResult> {
    const command = await this.lab.command(place, this.namespace, argv);
    return await attempt(command.argv, { env: command.env as Record<string, string>, timeoutMs });
  }

  async curl(place: Place, target: string, options: CurlOptions = {}): Promise<Curl> {
    const { count = 1, seconds = 10, from } = options;
    const as = from === undefined ? [] : ['--interface', from];
    const say = '%{stderr}%{exitcode} %{time_total}\n';
    const url = `http://${target}/[1-${count}]`;
    const { code, stdout, stderr } = await this.run(place, [
      'curl',
      '-s',
      ...as,
      '-m',
      String(seconds),
      '-w',
      say,
      url,
    ]);
    const rows = stdout.split('\n').filter(Boolean);
    const last = stderr.trim().split('\n').at(-1) ?? '';
    return {
      code,
      names: rows.map((row) => row.split(' ')[0] ?? ''),
      clients: rows.map((row) => row.split(' ')[1]?.split(':')[0] ?? ''),
      ms: Number(last.split(' ')[1] ?? 0) * 1000,
    };
  }

  /** Asks a DNS server by dig: `NAME ADDRESS`, or how it failed. */
  async dig(place: Place, address: string, port: number, ...more: string[]): Promise<string> {
    const argv = ['dig', `@${address}`, '-p', String(port), '+short', '+tries=1', '+time=10', '+noedns', ...more];
    const { code, stdout } = await this.run(place, [...argv, 'TXT', 'whoami.test.']);
    const text = stdout.trim().replaceAll('"', '');
    return code === 0 && text !== '' ? text.replace(/:\d+$/, '') : `failed ${code}`;
  }

  /** Until a target that is asked some 40 times is answered by exactly these pods. */
  async answeredBy(place: Place, target: string, names: readonly string[]): Promise<void> {
    const wanted = names.toSorted().join();
    let seen = '';
    let seconds = 0.2;
    const look = async (): Promise<boolean> => {
      // One alone first: where nobody answers, forty would wait for long. A busy machine is given more time each time.
      const { code } = await this.curl(place, target, { seconds });
      seconds = Math.min(2 * seconds, 5);
      const answers = await this.curl(place, target, { count: code === 0 ? 40 : 1 });
      seen = distinct(answers.names).join();
      return seen === wanted && answers.names.length === 40;
    };
    await eventually(`${place} gets answers from ${wanted}`, look).catch((cause: unknown) => {
      throw new Error(`${place} asking ${target} got answers from "${seen}" instead of "${wanted}"`, { cause });
    });
  }

  /** Until who asks is refused: what is on its way to a pod that is gone meets silence before. */
  async refused(place: Place, target: string): Promise<void> {
    const look = async () => (await this.curl(place, target)).code === REFUSED;
    await eventually(`${place} is refused by ${target}`, look);
  }

  /** Until nobody answers; how curl fails then. */
  async unanswered(place: Place, target: string): Promise<number> {
    let code = 0;
    await eventually(`${place} gets no answer from ${target}`, async () => {
      ({ code } = await this.curl(place, target, { seconds: 1 }));
      return code !== 0;
    });
    return code;
  }

  /** Asks by UDP on one socket until then; see programs/asker.ts. */
  async asks(place: Place, address: string, port: number, until: Promise<unknown>): Promise<Asked> {
    const child = await this.#start(place, ['asker.ts', address, String(port)]);
    const [said, ended] = [text(child.stdout), once(child, 'close')];
    await until.finally(() => child.stdin.end());
    const [code] = await ended;
    if (code !== 0) throw new Error(`the UDP client ended with ${code}`);
    return JSON.parse(await said) as Asked;
  }

  async #start(place: Place, [program = '', ...args]: readonly string[]) {
    const argv = [process.execPath, join(PROGRAMS, program), ...args];
    const { argv: whole, env } = await this.lab.command(place, this.namespace, argv);
    const [file = '', ...rest] = whole;
    return spawn(file, rest, { env: { ...env, ...COMPILED }, stdio: ['pipe', 'pipe', 'inherit'] });
  }

  /** A client that keeps its socket. */
  async talker(place: Place, kind: TalkerKind, address: string, port: number): Promise<Talker> {
    const talker = new Talker(await this.#start(place, ['talker.ts', kind, address, String(port)]));
    this.#talkers.push(talker);
    await talker.next();
    return talker;
  }
}

function firstTcp(serves: readonly string[]): { tcpSocket: { port: number } } | undefined {
  const [, port] = serves.find((wish) => wish.startsWith('tcp:'))?.split(':') ?? [];
  return port === undefined ? undefined : { tcpSocket: { port: Number(port) } };
}

export function distinct(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted();
}
