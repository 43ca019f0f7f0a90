import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Logger, silentLogger } from '../base/index.ts';
import {
  type ApiServer,
  type ApiStore,
  createApiServer,
  type KubeObject,
  kubeconfig,
  makeCertificate,
  type PodLog,
  stringAt,
} from './apiserver/index.ts';
import { Cgroup } from './cgroup.ts';
import { attempt, type CommandOptions, type CommandResult } from './command.ts';
import { sandboxErrors } from './errors.ts';
import { EventRecorder } from './event-recorder.ts';
import { Informer } from './informer.ts';
import { containerLogPath, Kubelet, type KubeletOptions, readLog } from './kubelet/index.ts';
import { applyManifest, parseManifest } from './manifest.ts';
import { inNetnsArgv } from './netns.ts';
import { listenInNetns } from './netns-socket.ts';
import { NodeAgent } from './node-agent.ts';
import { type NodePlace, nodePlace, REPOSITORY, STATE_DIR } from './paths.ts';
import { isReady, type Node, nodeSchema, type Pod, podKey, podSchema } from './pod.ts';
import { type PodCommand, podCommand } from './pod-exec.ts';
import { Scheduler } from './scheduler.ts';
import { processRecords, sweep } from './sweep.ts';
import { buildTopology, mountBpf, worldArgv } from './topology.ts';

const DEFAULT_PORT = 6443;
const MAX_NODES = 8;

/** What every pod of the sandbox is connected with, unless a test brings its own plugin. */
export const NETWORK_LIST = JSON.stringify({
  cniVersion: '1.1.0',
  name: 'membrane',
  plugins: [{ type: 'membrane-cni', capabilities: { ips: true } }],
});

export type SandboxOptions = {
  /** 1 to 8. Default 1. */
  readonly nodes?: number;
  /** Paths of YAML files that are applied once the nodes are there. */
  readonly manifests?: readonly string[];
  /** Start an agent on every node. Default true. */
  readonly agent?: boolean;
  /** Port of the API server on 127.0.0.1 of the machine. Default 6443, or a free one when that is taken. */
  readonly port?: number;
  readonly log?: Logger;
  readonly logLevel?: string;
  /** Merged over the configuration of every agent. */
  readonly agentConfig?: Readonly<Record<string, unknown>>;
  readonly onProgress?: (step: string) => void;
  /** For tests: another plugin in place of ours. */
  readonly cni?: { readonly binDir: string; readonly networkList: string };
  readonly restartDelay?: KubeletOptions['restartDelay'];
  /** For experiments: called when a pod's network namespace is there and before the CNI plugin runs. */
  readonly beforeNetwork?: KubeletOptions['beforeNetwork'];
};

export type ReadyOptions = {
  /** Pods (`namespace/name`) that must be ready; default: all that there are, and they must stay the same set. */
  readonly pods?: readonly string[];
  /** Default 60,000. */
  readonly timeoutMs?: number;
};

type Running = {
  readonly api: ApiServer;
  readonly pods: Informer<Pod>;
  readonly scheduler: Scheduler;
  readonly kubelets: ReadonlyMap<string, Kubelet>;
  readonly agents: ReadonlyMap<string, NodeAgent>;
  readonly watching: AbortController;
};

/** A Kubernetes-shaped cluster out of network namespaces on this machine. One at a time. */
export class SandboxCluster {
  readonly kubeconfigPath = join(STATE_DIR, 'kubeconfig');
  #nodes: readonly NodePlace[] = [];
  #running: Running | undefined;
  #log: Logger = silentLogger;

  /** Builds everything; on a failure everything is taken down again. Throws MembraneError. */
  async up(options: SandboxOptions = {}): Promise<void> {
    const count = options.nodes ?? 1;
    if (!Number.isInteger(count) || count < 1 || count > MAX_NODES) {
      throw sandboxErrors.make('E_SANDBOX_NODES', { detail: String(count) });
    }
    if (process.getuid?.() !== 0) throw sandboxErrors.make('E_SANDBOX_NOT_ROOT');
    const [other] = processRecords().alive();
    if (other !== undefined) throw sandboxErrors.make('E_SANDBOX_RUNNING', { detail: `pid ${other.process.pid}` });
    this.#log = options.log ?? silentLogger;
    try {
      await this.#build(count, options);
    } catch (error) {
      await this.down();
      throw error;
    }
  }

  /** Ends and removes everything. Idempotent. */
  async down(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) {
      running.scheduler.stop();
      running.watching.abort();
      await Promise.all([...running.agents.values()].map((agent) => agent.kill('SIGKILL')));
      await Promise.all([...running.kubelets.values()].map((kubelet) => kubelet.stop()));
      await running.api.close();
    }
    await sweep(this.#log);
  }

  /** The API server's own store. */
  get store(): ApiStore {
    return this.#up().api.store;
  }

  get nodes(): readonly NodePlace[] {
    return this.#nodes;
  }

  /** Creates or updates the objects of a YAML text. Throws E_SANDBOX_MANIFEST. */
  apply(yaml: string, source = 'manifest'): void {
    applyManifest(this.store, parseManifest(yaml, source));
  }

  /** Resolves when pods are ready. Throws E_SANDBOX_TIMEOUT, naming those that are not. */
  async waitReady(options: ReadyOptions = {}): Promise<void> {
    const { pods } = this.#up();
    const wanted = options.pods;
    const missing = (): string[] => {
      const ready = new Set(pods.list().filter(isReady).map(podKey));
      const names =
        wanted ??
        this.store
          .list('pods')
          .items.filter(isUnfinished)
          .map((p) => `${p.metadata.namespace}/${p.metadata.name}`);
      return names.filter((name) => !ready.has(name));
    };
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), options.timeoutMs ?? 60_000);
    const unsubscribe = pods.onChange(() => {
      if (missing().length === 0) resolve(true);
    });
    if (missing().length === 0) resolve(true);
    const done = await promise;
    clearTimeout(timer);
    unsubscribe();
    if (!done)
      throw sandboxErrors.make('E_SANDBOX_TIMEOUT', { detail: `not ready: ${missing().slice(0, 10).join(', ')}` });
  }

  /** The command line that runs `argv` in a running pod's container. Throws E_SANDBOX_NO_POD. */
  podCommand(namespace: string, name: string, argv: readonly string[], container?: string): PodCommand {
    for (const kubelet of this.#up().kubelets.values()) {
      const target = kubelet.execTarget(namespace, name, container);
      if (target !== undefined) return podCommand(target, argv);
    }
    throw sandboxErrors.make('E_SANDBOX_NO_POD', { detail: `${namespace}/${name}` });
  }

  /** Runs something in a pod and gives its exit code and output. */
  async exec(
    namespace: string,
    name: string,
    argv: readonly string[],
    options: CommandOptions & { readonly container?: string } = {},
  ): Promise<CommandResult> {
    const command = this.podCommand(namespace, name, argv, options.container);
    return attempt(command.argv, { ...options, env: { ...command.env, ...options.env } });
  }

  /** Runs something in a node's network namespace, with all of the machine's privileges. */
  async nodeExec(node: string, argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return attempt(inNetnsArgv(this.node(node).netnsPath, argv), options);
  }

  /** Runs something as the world outside of the cluster. */
  async worldExec(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return attempt(worldArgv(argv), options);
  }

  node(name: string): NodePlace {
    const found = this.#nodes.find((node) => node.name === name);
    if (found === undefined) throw sandboxErrors.make('E_SANDBOX_NODES', { detail: `there is no node ${name}` });
    return found;
  }

  /** The agent of a node, to kill and to start again. */
  agent(node = 'node-1'): NodeAgent {
    const found = this.#up().agents.get(node);
    if (found === undefined) throw sandboxErrors.make('E_SANDBOX_NODES', { detail: `there is no node ${node}` });
    return found;
  }

  /** Path of a pod's network namespace, from the moment that it exists. */
  netnsOf(namespace: string, name: string): string | undefined {
    for (const kubelet of this.#up().kubelets.values()) {
      const path = kubelet.netnsOf(namespace, name);
      if (path !== undefined) return path;
    }
    return undefined;
  }

  /** The next pod of this name gets this address if it is free; until then its network is refused and tried again. */
  requestAddress(namespace: string, name: string, ip: string): void {
    for (const kubelet of this.#up().kubelets.values()) kubelet.requestedAddresses.set(`${namespace}/${name}`, ip);
  }

  #up(): Running {
    if (this.#running === undefined) throw sandboxErrors.make('E_SANDBOX_NOT_RUNNING');
    return this.#running;
  }

  async #build(count: number, options: SandboxOptions): Promise<void> {
    const log = this.#log;
    const progress = options.onProgress ?? (() => undefined);
    progress('clearing what an earlier sandbox left');
    await sweep(log);
    await mkdir(STATE_DIR, { recursive: true, mode: 0o700 });
    processRecords().write('sandbox', process.pid);
    this.#nodes = Array.from({ length: count }, (_, i) => nodePlace(i + 1));
    progress(`building the network of ${count} node${count === 1 ? '' : 's'}`);
    const names = ['localhost', '127.0.0.1', ...this.#nodes.map((node) => node.ip)];
    const [certificate] = await Promise.all([
      makeCertificate(names),
      mountBpf(await readFile('/proc/mounts', 'utf8')).then(() => buildTopology(this.#nodes)),
    ]);
    const root = Cgroup.root().create();

    progress('starting the API server');
    const token = randomBytes(32).toString('hex');
    const api = createApiServer({ database: join(STATE_DIR, 'api.sqlite'), token, log, podLog: this.#podLog });
    const { store } = api;
    const watching = new AbortController();
    const pods = new Informer<Pod>({ store, resource: 'pods', parse: (o) => podSchema.parse(o), log });
    const nodes = new Informer<Node>({ store, resource: 'nodes', parse: (o) => nodeSchema.parse(o), log });
    const events = new EventRecorder({ store, component: 'default-scheduler', log });
    const scheduler = new Scheduler({ store, pods, nodes, events, log });
    const kubelets = new Map(
      this.#nodes.map((node) => [
        node.name,
        new Kubelet({
          node,
          store,
          pods,
          log,
          cgroup: root.child(node.name),
          cniBinDir: options.cni?.binDir ?? join(REPOSITORY, 'build'),
          networkList: options.cni?.networkList ?? NETWORK_LIST,
          restartDelay: options.restartDelay,
          beforeNetwork: options.beforeNetwork,
        }),
      ]),
    );
    const agents = new Map(
      this.#nodes.map((node) => {
        const { agentConfig: config, logLevel } = options;
        return [node.name, new NodeAgent({ node, cgroup: root.child(node.name), log, config, logLevel })];
      }),
    );
    this.#running = { api, pods, scheduler, kubelets, agents, watching };

    const { port } = await listenOnLoopback(api, options.port ?? DEFAULT_PORT, certificate);
    const access = (server: string): string => kubeconfig({ server, ca: certificate.ca, token });
    await writeFile(this.kubeconfigPath, access(`https://127.0.0.1:${port}`), { mode: 0o600 });
    for (const node of this.#nodes) {
      for (const ip of ['127.0.0.1', node.ip]) {
        await api.listen({ fd: listenInNetns(node.netnsPath, ip, DEFAULT_PORT), tls: certificate });
      }
      await writeFile(node.kubeconfig, access(`https://127.0.0.1:${DEFAULT_PORT}`), { mode: 0o600 });
    }

    progress('starting nodes');
    for (const informer of [pods, nodes]) {
      void informer.run(watching.signal).catch((error: unknown) => {
        if (!watching.signal.aborted) log.error({ error: errorMessage(error) }, 'watch ended');
      });
    }
    for (const kubelet of kubelets.values()) await kubelet.start();
    scheduler.start();
    if (options.agent ?? true) await Promise.all([...agents.values()].map((agent) => agent.start()));
    for (const path of options.manifests ?? []) {
      progress(`applying ${path}`);
      this.apply(await readManifest(path), path);
    }
  }

  readonly #podLog: PodLog = (namespace, name, options) => {
    const stored = this.store.get('pods', { namespace, name });
    const pod = podSchema.parse(stored);
    const node = this.node(pod.spec.nodeName ?? '');
    return readLog(containerLogPath(join(node.dir, 'logs'), pod, options.container), options);
  };
}

function isUnfinished(pod: KubeObject): boolean {
  const phase = stringAt(pod, 'status', 'phase');
  return phase !== 'Succeeded' && phase !== 'Failed';
}

async function readManifest(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw sandboxErrors.make('E_SANDBOX_MANIFEST', { detail: `${path} cannot be read`, cause });
  }
}

/** The wanted port, or any free one when somebody has it. */
async function listenOnLoopback(api: ApiServer, port: number, tls: Awaited<ReturnType<typeof makeCertificate>>) {
  try {
    return await api.listen({ host: '127.0.0.1', port, tls });
  } catch {
    return api.listen({ host: '127.0.0.1', port: 0, tls });
  }
}
