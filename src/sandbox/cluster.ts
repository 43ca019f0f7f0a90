import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { createLogger, errorMessage, type Logger, silentLogger } from '../base/index.ts';
import { parseAddr } from '../net/index.ts';
import { apiNames, openApi } from './api-access.ts';
import {
  type ApiServer,
  type ApiStore,
  createApiServer,
  execProcess,
  isApiError,
  type JsonObject,
  type KubeObject,
  makeCertificate,
  type PodExec,
  type PodLog,
  stringAt,
} from './apiserver/index.ts';
import { Cgroup } from './cgroup.ts';
import { attempt, type CommandOptions, type CommandResult } from './command.ts';
import { serveControl } from './control.ts';
import { EndpointSliceController } from './endpoint-slice-controller.ts';
import { sandboxErrors } from './errors.ts';
import { EventRecorder } from './event-recorder.ts';
import { Holds } from './holds.ts';
import { Informer } from './informer.ts';
import { containerLogName, Kubelet, podLogDir, readLog } from './kubelet/index.ts';
import { type MachineLock, takeMachineLock } from './machine-lock.ts';
import { applyManifest, parseManifest } from './manifest.ts';
import { NodeAgent } from './node-agent.ts';
import { nodeArgv } from './node-exec.ts';
import { MAX_NODES, type NodePlace, nodePlace, REPOSITORY, STATE_DIR } from './paths.ts';
import { isReady, type Node, nodeIsReady, nodeSchema, type Pod, podKey, podSchema } from './pod.ts';
import { type PodCommand, podCommand, spawnArgv } from './pod-exec.ts';
import type { ExecOptions, ObjectRef, ReadyOptions, Sandbox } from './sandbox.ts';
import { NETWORK_LIST, type SandboxOptions } from './sandbox-options.ts';
import { Scheduler } from './scheduler.ts';
import { processRecords, sweep } from './sweep.ts';
import { buildTopology, mountBpf, worldArgv } from './topology.ts';

/** How long manifests wait for nodes to be ready before they are applied anyway. */
const NODES_TIMEOUT_MS = 20_000;
const NODES_CHECK_MS = 250;

type Running = {
  readonly api: ApiServer;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly scheduler: Scheduler;
  readonly kubelets: ReadonlyMap<string, Kubelet>;
  readonly agents: ReadonlyMap<string, NodeAgent>;
  readonly watching: AbortController;
  control: Server | undefined;
};

/** A Kubernetes-shaped cluster out of network namespaces on this machine. One at a time. */
export class SandboxCluster implements Sandbox {
  readonly kubeconfigPath = join(STATE_DIR, 'kubeconfig');
  readonly #holds = new Holds();
  #nodes: readonly NodePlace[] = [];
  #running: Running | undefined;
  #log: Logger = silentLogger;
  /** Held while anything of ours may be there. */
  #lock: MachineLock | undefined;

  /** Builds everything; on a failure everything is taken down again. Throws MembraneError. */
  async up(options: SandboxOptions = {}): Promise<void> {
    const count = options.nodes ?? 1;
    if (!Number.isInteger(count) || count < 1 || count > MAX_NODES) {
      throw sandboxErrors.make('E_SANDBOX_NODES', { detail: String(count) });
    }
    if (process.getuid?.() !== 0) throw sandboxErrors.make('E_SANDBOX_NOT_ROOT');
    const lock = await takeMachineLock();
    if (lock === undefined) {
      const [other] = processRecords().alive();
      throw sandboxErrors.make('E_SANDBOX_RUNNING', other === undefined ? {} : { detail: `pid ${other.process.pid}` });
    }
    this.#lock = lock;
    try {
      await this.#build(count, options);
    } catch (error) {
      await this.down();
      throw error;
    }
  }

  /** Ends and removes everything that `up` made. Idempotent. */
  async down(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) {
      this.#holds.openAll();
      running.scheduler.stop();
      running.watching.abort();
      await Promise.all([...running.agents.values()].map((agent) => agent.kill('SIGKILL')));
      await Promise.all([...running.kubelets.values()].map((kubelet) => kubelet.stop()));
      running.control?.close();
      await running.api.close();
    }
    const lock = this.#lock;
    if (lock === undefined) return;
    this.#lock = undefined;
    await sweep(this.#log);
    await lock.release();
  }

  /** Tells other processes that the sandbox is ready for them. */
  markReady(file: string): void {
    this.#up();
    writeFileSync(file, '', { mode: 0o600 });
  }

  /** The API server's own store. */
  get store(): ApiStore {
    return this.#up().api.store;
  }

  get nodes(): readonly NodePlace[] {
    return this.#nodes;
  }

  async apply(yaml: string, source = 'manifest'): Promise<void> {
    applyManifest(this.store, parseManifest(yaml, source));
  }

  async get({ resource, ...key }: ObjectRef): Promise<KubeObject | undefined> {
    return this.store.get(resource, key);
  }

  async list(resource: string, namespace?: string): Promise<KubeObject[]> {
    return this.store.list(resource, { namespace }).items;
  }

  async patch({ resource, ...key }: ObjectRef, patch: JsonObject): Promise<void> {
    this.store.patch(resource, key, { type: 'merge', body: patch });
  }

  async patchStatus({ resource, ...key }: ObjectRef, status: JsonObject): Promise<void> {
    this.store.patchStatus(resource, key, status);
  }

  async delete({ resource, ...key }: ObjectRef, graceSeconds?: number): Promise<void> {
    try {
      this.store.delete(resource, key, { gracePeriodSeconds: graceSeconds });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  async waitReady(options: ReadyOptions = {}): Promise<void> {
    const { pods } = this.#up();
    const wanted = options.pods;
    const missing = (): string[] => {
      const ready = new Set(pods.list().filter(isReady).map(podKey));
      const all = this.store.list('pods').items.filter((pod) => isUnfinished(pod));
      const names = wanted ?? all.map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`);
      return [...this.#unreadyNodes(), ...names.filter((name) => !ready.has(name))];
    };
    const done = await this.#waitFor(() => missing().length === 0, options.timeoutMs);
    if (done) return;
    throw sandboxErrors.make('E_SANDBOX_TIMEOUT', { detail: `not ready: ${missing().slice(0, 10).join(', ')}` });
  }

  async waitGone(namespace: string, name: string, timeoutMs?: number): Promise<void> {
    const { pods, kubelets } = this.#up();
    const gone = await this.#waitFor(() => pods.get(namespace, name) === undefined, timeoutMs);
    // A forced deletion removes the object first and the pod later.
    await Promise.all([...kubelets.values()].map((kubelet) => kubelet.ended(namespace, name)));
    if (!gone) throw sandboxErrors.make('E_SANDBOX_TIMEOUT', { detail: `still there: ${namespace}/${name}` });
  }

  async podCommand(namespace: string, name: string, argv: readonly string[], container?: string): Promise<PodCommand> {
    for (const kubelet of this.#up().kubelets.values()) {
      const target = kubelet.execTarget(namespace, name, container);
      if (target !== undefined) return podCommand(target, argv);
    }
    throw sandboxErrors.make('E_SANDBOX_NO_POD', { detail: `${namespace}/${name}` });
  }

  async exec(
    namespace: string,
    name: string,
    argv: readonly string[],
    options: ExecOptions = {},
  ): Promise<CommandResult> {
    const command = await this.podCommand(namespace, name, argv, options.container);
    return attempt(command.argv, { ...options, env: { ...command.env, ...options.env } });
  }

  async nodeCommand(node: string, argv: readonly string[]): Promise<readonly string[]> {
    return nodeArgv(this.node(node), argv);
  }

  async nodeExec(node: string, argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return attempt(await this.nodeCommand(node, argv), options);
  }

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

  async killAgent(node: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.agent(node).kill(signal);
  }

  async startAgent(node: string): Promise<void> {
    await this.agent(node).start();
  }

  async agentPid(node: string): Promise<number | undefined> {
    return this.agent(node).pid;
  }

  async netnsOf(namespace: string, name: string): Promise<string | undefined> {
    for (const kubelet of this.#up().kubelets.values()) {
      const path = kubelet.netnsOf(namespace, name);
      if (path !== undefined) return path;
    }
    return undefined;
  }

  async checkNetwork(namespace: string, name: string): Promise<void> {
    for (const kubelet of this.#up().kubelets.values()) await kubelet.checkNetwork(namespace, name);
  }

  async requestAddress(namespace: string, name: string, ip: string): Promise<void> {
    const address = parseAddr(ip);
    for (const kubelet of this.#up().kubelets.values()) kubelet.requestedAddresses.set(`${namespace}/${name}`, address);
  }

  async holdNetwork(namespace: string, name: string): Promise<void> {
    this.#holds.shut(`${namespace}/${name}`);
  }

  async releaseNetwork(namespace: string, name: string): Promise<void> {
    this.#holds.open(`${namespace}/${name}`);
  }

  #unreadyNodes(): string[] {
    const nodes = this.store.list('nodes').items.map((node) => nodeSchema.parse(node));
    return nodes.filter((node) => !nodeIsReady(node)).map((node) => node.metadata.name);
  }

  /** Checks after every change of a pod or a node. False when the time is over first. */
  async #waitFor(holds: () => boolean, timeoutMs = 60_000): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const check = (): void => {
      if (holds()) resolve(true);
    };
    const { pods, nodes } = this.#up();
    const unsubscribe = [pods.onChange(check), nodes.onChange(check)];
    check();
    return promise.finally(() => {
      clearTimeout(timer);
      for (const end of unsubscribe) end();
    });
  }

  #up(): Running {
    if (this.#running === undefined) throw sandboxErrors.make('E_SANDBOX_NOT_RUNNING');
    return this.#running;
  }

  async #build(count: number, options: SandboxOptions): Promise<void> {
    const progress = (step: string): void => {
      options.signal?.throwIfAborted();
      options.onProgress?.(step);
    };
    progress('clearing what an earlier sandbox left');
    await sweep(silentLogger);
    await mkdir(STATE_DIR, { mode: 0o700 });
    const logFile = join(STATE_DIR, 'sandbox.log');
    const log = options.log ?? createLogger({ level: options.logLevel ?? 'info', destination: logFile });
    this.#log = log;
    processRecords().write('sandbox', process.pid);
    this.#nodes = Array.from({ length: count }, (_, i) => nodePlace(i + 1));
    progress(`building the network of ${count} node${count === 1 ? '' : 's'}`);
    const [certificate] = await Promise.all([
      makeCertificate(apiNames(this.#nodes)),
      mountBpf(await readFile('/proc/mounts', 'utf8')).then(() => buildTopology(this.#nodes)),
    ]);
    const root = Cgroup.root().create();

    progress('starting the API server');
    const token = randomBytes(32).toString('hex');
    const api = createApiServer({
      database: join(STATE_DIR, 'api.sqlite'),
      token,
      log,
      podLog: this.#podLog,
      podExec: this.#podExec,
    });
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
          beforeNetwork: async (pod, netns) => {
            await options.beforeNetwork?.(pod, netns);
            await this.#holds.pass(podKey(pod));
          },
        }),
      ]),
    );
    const agents = new Map(
      this.#nodes.map((node) => {
        const { agentConfig: config, logLevel } = options;
        return [node.name, new NodeAgent({ node, cgroup: root.child(node.name), log, config, logLevel })];
      }),
    );
    this.#running = { api, pods, nodes, scheduler, kubelets, agents, watching, control: undefined };

    const { kubeconfigPath } = this;
    await openApi(api, { certificate, token, nodes: this.#nodes, port: options.port, kubeconfigPath });

    progress('starting nodes');
    const slices = new EndpointSliceController({ store, log });
    for (const follower of [pods, nodes, slices]) {
      void follower.run(watching.signal).catch((error: unknown) => {
        if (!watching.signal.aborted) log.error({ error: errorMessage(error) }, 'watch ended');
      });
    }
    const withAgents = options.agent ?? true;
    for (const kubelet of kubelets.values()) await kubelet.start({ waitForNetwork: withAgents });
    scheduler.start();
    if (withAgents) await Promise.all([...agents.values()].map((agent) => agent.start()));
    if (options.control === true) this.#running.control = await serveControl(this);
    const deadline = Date.now() + NODES_TIMEOUT_MS;
    while (!(await this.#waitFor(() => this.#unreadyNodes().length === 0, NODES_CHECK_MS))) {
      options.signal?.throwIfAborted();
      if (Date.now() < deadline) continue;
      log.warn({ nodes: this.#unreadyNodes() }, 'nodes are late');
      break;
    }
    for (const path of options.manifests ?? []) {
      progress(`applying ${path}`);
      await this.apply(await readManifest(path), path);
    }
  }

  readonly #podExec: PodExec = async (namespace, name, { command, container }) =>
    execProcess(spawnArgv(await this.podCommand(namespace, name, command, container), 'pipe'));

  readonly #podLog: PodLog = (namespace, name, options) => {
    const stored = this.store.get('pods', { namespace, name });
    const pod = podSchema.parse(stored);
    const node = this.node(pod.spec.nodeName ?? '');
    return readLog(join(podLogDir(node.dir, pod), containerLogName(options.container)), options);
  };
}

/** Neither at its end nor on its way out. */
function isUnfinished(pod: KubeObject): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
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
