import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type ApiClient, apiClient } from '../../../src/api/index.ts';
import { SandboxCluster } from '../../../src/sandbox/cluster/cluster.ts';
import { inNetnsArgv } from '../../../src/sandbox/machine/netns.ts';
import { buildNetload, NETLOAD, netload } from '../wire/load.ts';

export const NAMESPACE = 'bench';
export const NODE = 'node-1';
/** What the server answers on and policies speak of. */
export const PORT = 7000;
const SERVER = 'server';

type Child = ChildProcessByStdio<null, Readable, null>;
type PodEvent = (pod: string, netns: string) => Promise<void>;

/** Default: one node, which has the server. */
export type BenchShape = { readonly nodes?: number; readonly serverNode?: string };

/** A sandbox with its agents, and a pod that answers UDP. */
export class BenchCluster implements AsyncDisposable {
  readonly sandbox = new SandboxCluster();
  /** Called when a pod's namespace is there and the CNI plugin is about to run. */
  beforeNetwork: PodEvent | undefined;
  #server = '';

  static async up({ nodes = 1, serverNode = NODE }: BenchShape = {}): Promise<BenchCluster> {
    buildNetload();
    const cluster = new BenchCluster();
    await cluster.sandbox.up({
      nodes,
      logLevel: 'warn',
      // Its probes would be flows of somebody else's in every count.
      dns: false,
      beforeNetwork: async (pod, netns) => cluster.beforeNetwork?.(pod.metadata.name, netns),
    });
    try {
      await cluster.#prepare(serverNode);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async #prepare(node: string): Promise<void> {
    this.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    this.create(podManifest(SERVER, { role: SERVER }, { node, command: [NETLOAD, 'echo', '0.0.0.0', String(PORT)] }));
    this.create(serverPolicy({ role: 'client' }));
    await this.sandbox.waitReady({ timeoutMs: 30_000 });
    this.#server = await this.addressOf(SERVER);
  }

  get server(): string {
    return this.#server;
  }

  get api(): ApiClient {
    return apiClient({ socketPath: `${this.sandbox.node(NODE).agentDir}/admin.sock`, timeoutMs: 30_000 });
  }

  create(object: object): void {
    this.sandbox.store.create(resourceOf(object), JSON.parse(JSON.stringify(object)));
  }

  async addPods(names: readonly string[]): Promise<void> {
    for (const name of names) this.create(podManifest(name, { role: 'client' }));
    await this.sandbox.waitReady({ pods: names.map((name) => `${NAMESPACE}/${name}`), timeoutMs: 120_000 });
  }

  async addressOf(pod: string, namespace = NAMESPACE): Promise<string> {
    const object = await this.sandbox.get({ resource: 'pods', namespace, name: pod });
    const { podIP } = (object as { status?: { podIP?: string } } | undefined)?.status ?? {};
    if (podIP === undefined) throw new Error(`pod ${pod} has no address`);
    return podIP;
  }

  async netnsOf(pod: string, namespace = NAMESPACE): Promise<string> {
    const path = await this.sandbox.netnsOf(namespace, pod);
    if (path === undefined) throw new Error(`pod ${pod} has no namespace`);
    return path;
  }

  async agentPid(): Promise<number> {
    const pid = await this.sandbox.agentPid(NODE);
    if (pid === undefined) throw new Error('the agent does not run');
    return pid;
  }

  /** Starts netload inside a namespace. The caller ends it. */
  spawn(netns: string, ...args: readonly string[]): Netload {
    return this.spawnOn(undefined, netns, ...args);
  }

  /** The same, held to one of the machine's processors. */
  spawnOn(processor: number | undefined, netns: string, ...args: readonly string[]): Netload {
    const [file = '', ...argv] = inNetnsArgv(netns, netload(args, processor));
    return new Netload(spawn(file, argv, { stdio: ['ignore', 'pipe', 'inherit'] }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.down();
  }
}

/** A running netload and the lines it prints. */
export class Netload implements Disposable {
  readonly #child: Child;
  readonly #lines: string[] = [];
  #arrived = Promise.withResolvers<void>();

  constructor(child: Child) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    });
  }

  async line(timeoutMs = 10_000): Promise<string> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      const { promise, reject } = Promise.withResolvers<never>();
      const late = () => reject(new Error('netload said nothing in time'));
      deadline.addEventListener('abort', late, { once: true });
      if (deadline.aborted) late();
      await Promise.race([this.#arrived.promise, promise]).finally(() => deadline.removeEventListener('abort', late));
    }
  }

  async exit(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

/** ms of CLOCK_MONOTONIC, which netload prints in ns. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
export const fromNs = (text: string): number => Number(text) / 1e6;

const RESOURCES: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  Pod: 'pods',
  NetworkPolicy: 'networkpolicies',
  Service: 'services',
  EndpointSlice: 'endpointslices',
  Tenant: 'tenants',
};

function resourceOf(object: object): string {
  const kind = 'kind' in object ? String(object.kind) : '';
  const resource = RESOURCES[kind];
  if (resource === undefined) throw new Error(`no resource for ${kind}`);
  return resource;
}

export type PodShape = { readonly node?: string; readonly namespace?: string; readonly command?: readonly string[] };

export function podManifest(
  name: string,
  labels: Readonly<Record<string, string>>,
  { node = NODE, namespace = NAMESPACE, command }: PodShape = {},
) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'pause', ...(command === undefined ? {} : { command }) }],
    },
  };
}

/** Lets pods with these labels reach the server. */
export function serverPolicy(peer: Readonly<Record<string, string>>) {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'server', namespace: NAMESPACE },
    spec: {
      podSelector: { matchLabels: { role: SERVER } },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: peer } }], ports: [{ protocol: 'UDP', port: PORT }] }],
    },
  };
}

/** Bytes resident and CPU time used, of a process. */
export function processUsage(pid: number): { readonly rssBytes: number; readonly cpuMs: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? '0';
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user = '0', system = '0'] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11);
  // USER_HZ is 100 everywhere.
  return { rssBytes: Number(rss) * 1024, cpuMs: (Number(user) + Number(system)) * 10 };
}
