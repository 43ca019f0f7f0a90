import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { type Logger, namespacedName, silentLogger } from '../../base/index.ts';
import { createLogger } from '../../base/logging.ts';
import { parseAddr } from '../../net/index.ts';
import {
  type ApiStore,
  createApiServer,
  isApiError,
  type JsonObject,
  type KubeObject,
  type PodLog,
} from '../apiserver/index.ts';
import { sandboxErrors } from '../errors.ts';
import type { Kubelet } from '../kubelet/index.ts';
import {
  attempt,
  type CommandOptions,
  type CommandResult,
  MAX_NODES,
  type MachineLock,
  type NodePlace,
  nodeArgv,
  nodePlace,
  processRecords,
  REPOSITORY,
  requireBuilt,
  SERVICE_CIDR,
  STATE_DIR,
  sweep,
  takeMachineLock,
  worldArgv,
} from '../machine/index.ts';
import { API_PORT, ApiAccess } from './api-access.ts';
import { addClusterDns } from './cluster-dns.ts';
import { ClusterNodes } from './cluster-nodes.ts';
import { serveControl } from './control.ts';
import { ControlPlane } from './control-plane.ts';
import { addDefaultClass } from './default-class.ts';
import { clearGround, layGround } from './ground.ts';
import { Holds } from './holds.ts';
import { applyManifest, readManifest } from './manifest.ts';
import { manifestFiles } from './manifest-files.ts';
import type { NodeAgent } from './node-agent.ts';
import { Operator } from './operator.ts';
import { SandboxPage } from './page.ts';
import { type PodCommand, podCommand } from './pod-exec.ts';
import { readPodLog } from './pod-log.ts';
import { podStreams } from './pod-streams.ts';
import { unready, unreadyNodes, waitFor } from './readiness.ts';
import type { ExecOptions, ObjectRef, ReadyOptions, Sandbox } from './sandbox.ts';
import type { SandboxOptions } from './sandbox-options.ts';

/** How long manifests wait for nodes to be ready before they are applied anyway. */
const NODES_TIMEOUT_MS = 20_000;
const NODES_CHECK_MS = 250;

const READY_TIMEOUT_MS = 60_000;

/** What the product defines of its own; on a cluster its operator applies it. */
const CRDS = join(REPOSITORY, 'deploy/crds');
/** Its accounts, and what these may do. */
const RIGHTS = ['namespace.yaml', 'rbac.yaml', 'admission/policy.yaml'].map((name) => join(REPOSITORY, 'deploy', name));

type Running = {
  readonly plane: ControlPlane;
  readonly access: ApiAccess;
  readonly nodes: ClusterNodes;
  readonly operator: Operator;
  readonly page: SandboxPage;
  control: Server | undefined;
};

/** A Kubernetes-shaped cluster out of network namespaces on this machine. One at a time. */
export class SandboxCluster implements Sandbox {
  readonly kubeconfigPath = join(STATE_DIR, 'kubeconfig');
  readonly #holds = new Holds();
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
    requireBuilt();
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
      running.plane.stop();
      await Promise.all([running.operator.kill('SIGKILL'), running.page.kill('SIGKILL'), running.nodes.stop()]);
      running.control?.close();
      await running.plane.close();
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
    return this.#up().plane.store;
  }

  get nodes(): readonly NodePlace[] {
    return this.#running?.nodes.places ?? [];
  }

  async apply(yaml: string, source = 'manifest'): Promise<void> {
    applyManifest(this.store, yaml, source);
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
    const { plane } = this.#up();
    const missing = (): string[] => unready(plane, options.pods);
    const done = await waitFor(plane, () => missing().length === 0, options.timeoutMs ?? READY_TIMEOUT_MS);
    if (done) return;
    throw sandboxErrors.make('E_SANDBOX_TIMEOUT', { detail: `not ready: ${missing().slice(0, 10).join(', ')}` });
  }

  async waitGone(namespace: string, name: string, timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    const { plane } = this.#up();
    const gone = await waitFor(plane, () => plane.pods.get(namespace, name) === undefined, timeoutMs);
    // A forced deletion removes the object first and the pod later.
    await Promise.all(this.#kubelets.map((kubelet) => kubelet.ended(namespace, name)));
    if (!gone)
      throw sandboxErrors.make('E_SANDBOX_TIMEOUT', { detail: `still there: ${namespacedName({ namespace, name })}` });
  }

  async podCommand(namespace: string, name: string, argv: readonly string[], container?: string): Promise<PodCommand> {
    for (const kubelet of this.#kubelets) {
      const target = kubelet.execTarget(namespace, name, container);
      if (target !== undefined) return podCommand(target, argv);
    }
    throw sandboxErrors.make('E_SANDBOX_NO_POD', { detail: namespacedName({ namespace, name }) });
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
    return this.#up().nodes.get(name).place;
  }

  /** The agent of a node, to kill and to start again. */
  agent(node = 'node-1'): NodeAgent {
    return this.#up().nodes.get(node).agent;
  }

  /** Where `membrane ui` serves, if it was asked for. */
  get pageUrl(): string {
    return this.#up().page.url;
  }

  /** To kill, and to start again. */
  get operator(): Operator {
    return this.#up().operator;
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

  async joinNode(): Promise<string> {
    const { name } = await this.#up().nodes.join();
    return name;
  }

  async removeNode(name: string): Promise<void> {
    await this.#up().nodes.remove(name);
  }

  async stopApi(): Promise<void> {
    await this.#up().access.close();
  }

  async startApi(): Promise<void> {
    const { access, nodes } = this.#up();
    await access.open(nodes.places);
  }

  async netnsOf(namespace: string, name: string): Promise<string | undefined> {
    for (const kubelet of this.#kubelets) {
      const path = kubelet.netnsOf(namespace, name);
      if (path !== undefined) return path;
    }
    return undefined;
  }

  async checkNetwork(namespace: string, name: string): Promise<void> {
    for (const kubelet of this.#kubelets) await kubelet.checkNetwork(namespace, name);
  }

  async requestAddress(namespace: string, name: string, ip: string): Promise<void> {
    const address = parseAddr(ip);
    for (const kubelet of this.#kubelets) kubelet.requestedAddresses.set(namespacedName({ namespace, name }), address);
  }

  async holdNetwork(namespace: string, name: string): Promise<void> {
    this.#holds.shut(namespacedName({ namespace, name }));
  }

  async releaseNetwork(namespace: string, name: string): Promise<void> {
    this.#holds.open(namespacedName({ namespace, name }));
  }

  /** Of the node that the pod is on. */
  #kubeletOf(namespace: string, name: string): Kubelet | undefined {
    const pod = this.#up().plane.pods.get(namespace, name);
    return this.#kubelets.find(({ nodeName }) => nodeName === pod?.spec.nodeName);
  }

  get #kubelets(): readonly Kubelet[] {
    return this.#up().nodes.kubelets;
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
    await clearGround();
    const logFile = join(STATE_DIR, 'sandbox.log');
    const log = options.log ?? createLogger({ level: options.logLevel ?? 'info', destination: logFile });
    this.#log = log;
    const places = Array.from({ length: count }, (_, i) => nodePlace(i + 1));
    progress(`building the network of ${count} node${count === 1 ? '' : 's'}`);
    const { certificate, cgroup } = await layGround(places);

    progress('starting the API server');
    const token = randomBytes(32).toString('hex');
    const api = createApiServer({
      database: join(STATE_DIR, 'api.sqlite'),
      token,
      log,
      serviceCidr: SERVICE_CIDR,
      podCa: certificate.ca,
      // One server, however many nodes it listens on.
      advertised: { addresses: places.slice(0, 1).map(({ ip }) => ip), port: API_PORT },
      podLog: this.#podLog,
      streams: podStreams((namespace, name) => this.#kubeletOf(namespace, name)),
    });
    const plane = new ControlPlane(api, log);
    const { kubeconfigPath } = this;
    const access = new ApiAccess(api, { certificate, token, port: options.port, kubeconfigPath });
    const nodes = new ClusterNodes({ plane, access, cgroup, holds: this.#holds, sandbox: options, log }, places);
    const operator = new Operator({ access, cgroup, log, config: options.operatorConfig });
    const page = new SandboxPage({ cgroup, log });
    this.#running = { plane, access, nodes, operator, page, control: undefined };
    await access.open(places);

    const withAgent = options.agent ?? true;
    for (const path of await manifestFiles([CRDS, ...(withAgent ? RIGHTS : [])])) {
      applyManifest(api.store, await readManifest(path), path);
    }
    addDefaultClass(api.store);
    if (options.dns ?? withAgent) addClusterDns(api.store);

    progress('starting nodes');
    plane.start();
    await nodes.start();
    if (withAgent) await operator.start();
    if (options.control === true) this.#running.control = await serveControl(this);
    await this.#nodesReady(plane, options.signal);
    // Agents that are not there yet it would not serve.
    if (options.page === true) await page.start();
    for (const path of options.manifests ?? []) {
      progress(`applying ${path}`);
      await this.apply(await readManifest(path), path);
    }
  }

  /** Or has waited long enough: what is wrong with a node shows in its status. */
  async #nodesReady(plane: ControlPlane, signal: AbortSignal | undefined): Promise<void> {
    const deadline = Date.now() + NODES_TIMEOUT_MS;
    while (!(await waitFor(plane, () => unreadyNodes(plane).length === 0, NODES_CHECK_MS))) {
      signal?.throwIfAborted();
      if (Date.now() < deadline) continue;
      this.#log.warn({ nodes: unreadyNodes(plane) }, 'nodes are late');
      return;
    }
  }

  readonly #podLog: PodLog = (namespace, name, options) => {
    const pod = (): KubeObject | undefined => this.store.get('pods', { namespace, name });
    return readPodLog(pod, (node) => this.node(node).dir, options);
  };
}
