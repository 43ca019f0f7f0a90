import { join } from 'node:path';
import type { ApiClient, EndpointView, ServiceView } from '../../api/index.ts';
import { errorMessage, isMembraneError, namespacedName, systemClock } from '../../base/index.ts';
import { KubeClient, loadKubeconfig } from '../../kube/index.ts';
import { type Addr, type Mac, macOfAddr, parseAddr } from '../../net/index.ts';
import {
  type JsonObject,
  type NodePlace,
  netnsPath,
  type ObjectRef,
  type Sandbox,
  STATE_DIR,
  WORLD,
} from '../../sandbox/index.ts';
import { attackErrors } from '../errors.ts';
import { type FrameProcess, patience, type Seat } from '../tools/index.ts';
import { StageNodes } from './stage-nodes.ts';
import { Witness } from './witness.ts';

/** A pod as the wire sees it. */
export type Actor = {
  readonly namespace: string;
  readonly name: string;
  readonly ip: Addr;
  readonly mac: Mac;
  /** Path of its network namespace. */
  readonly netns: string;
  readonly node: NodePlace;
};

type PodName = Pick<Actor, 'namespace' | 'name'>;

export type PodWish = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The address that it must get. */
  readonly ip?: string;
  /** Default: the stage's own. */
  readonly node?: NodePlace;
};

/** Often at first, and rarely where it takes long: looking costs more processor than what is waited for. */
const POLL_MS = { first: 5, most: 50, growth: 1.2 };
const TIMEOUT_MS = 20_000;

/**
 * What attacks have to work with: the sandbox, its agents, and whatever they made themselves, which `close` takes away
 * again.
 */
export class Stage {
  readonly sandbox: Sandbox;
  readonly nodes: StageNodes;
  readonly witness = new Witness();
  /** Path of the network namespace that plays the world. */
  readonly worldNetns = netnsPath(WORLD);
  readonly signal: AbortSignal;
  readonly #made: ObjectRef[] = [];
  readonly #processes = new Set<FrameProcess<unknown>>();
  readonly #undo: (() => Promise<unknown>)[] = [];
  #serial = 0;

  constructor(options: { sandbox: Sandbox; signal?: AbortSignal }) {
    this.sandbox = options.sandbox;
    this.nodes = new StageNodes(options.sandbox);
    this.signal = options.signal ?? new AbortController().signal;
  }

  /** Throws E_SANDBOX_NOT_RUNNING. */
  async start(): Promise<void> {
    await this.nodes.find();
    for (const node of this.nodes.all) this.witness.listen(node.name, this.nodes.api(node));
  }

  /** Where everything is that does not say otherwise. */
  get node(): NodePlace {
    return this.nodes.first;
  }

  /** The agent of that node. */
  get api(): ApiClient {
    return this.nodes.api(this.node);
  }

  async close(): Promise<void> {
    await this.clear();
    await this.witness.stop();
  }

  /** Takes away what was made since the last time, and waits until it is gone. */
  async clear(): Promise<void> {
    await Promise.all([...this.#processes].map((process) => process.kill()));
    this.#processes.clear();
    for (const undo of this.#undo.splice(0).toReversed()) await undo().catch(() => undefined);
    const made = this.#made.splice(0).toReversed();
    // What is in a namespace is deleted by name before it.
    for (const ref of made) await this.sandbox.delete(ref, 0).catch(() => undefined);
    if (this.signal.aborted) return;
    for (const { resource, namespace = '', name } of made) {
      if (resource === 'pods') await this.sandbox.waitGone(namespace, name).catch(() => undefined);
    }
    for (const ref of made.filter((one) => one.resource === 'namespaces')) {
      await this.until(`${ref.name} is gone`, async () => ((await this.sandbox.get(ref)) ? undefined : true)).catch(
        () => undefined,
      );
    }
  }

  /** Waits until every agent serves so many frontends of a service, each with so many backends. Throws E_ATTACK_STAGE. */
  async served(namespace: string, name: string, frontends: number, backends = 1): Promise<ServiceView> {
    const servedBy = (node: NodePlace): Promise<ServiceView> =>
      this.until(`service ${namespacedName({ namespace, name })} is served by ${node.name}`, async () => {
        const { items } = await this.nodes.api(node).services();
        const found = items.find((one) => one.namespace === namespace && one.name === name);
        const served = found?.frontends.filter((one) => one.served && one.backends >= backends) ?? [];
        return found?.state === 'applied' && served.length >= frontends ? found : undefined;
      });
    const views = new Map<NodePlace, ServiceView>();
    for (const node of this.nodes.all) views.set(node, await servedBy(node));
    return views.get(this.node) ?? (await servedBy(this.node));
  }

  /** A process that must not outlive the attack. */
  own<T>(process: FrameProcess<T>): FrameProcess<T> {
    this.#processes.add(process as FrameProcess<unknown>);
    return process;
  }

  /** Done by `clear`, last things first, once the processes are gone: what is no object of the API and must not stay. */
  afterwards(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  /** Runs tools in a pod's container, with its privileges, once that runs. */
  async inPod({ namespace, name }: PodName): Promise<Seat> {
    await this.sandbox.waitReady({ pods: [namespacedName({ namespace, name })], timeoutMs: patience(TIMEOUT_MS) });
    const { argv, env } = await this.sandbox.podCommand(namespace, name, []);
    return { name: `pod ${namespacedName({ namespace, name })}`, prefix: argv, env };
  }

  /** Runs tools as processes of a node. */
  async onNode({ name }: NodePlace = this.node): Promise<Seat> {
    return { name, prefix: await this.sandbox.nodeCommand(name, []) };
  }

  /** A name that no object had before. */
  fresh(prefix: string): string {
    this.#serial += 1;
    return `${prefix}-${this.#serial}`;
  }

  /** Creates or updates an object, and remembers to take it away. */
  async apply(object: JsonObject & { kind: string; metadata: JsonObject & { name: string } }): Promise<void> {
    const { name, namespace } = object.metadata;
    const resource = RESOURCES[object.kind];
    if (resource === undefined) throw new TypeError(`no resource of kind ${object.kind}`);
    await this.sandbox.apply(JSON.stringify(object), 'attack');
    this.#made.push({ resource, name, ...(typeof namespace === 'string' && { namespace }) });
  }

  /** Creates a policy with `--validate=ignore`: the server then stands for one that knows all its fields. */
  async applyLater(policy: JsonObject & { metadata: { name: string; namespace: string } }): Promise<void> {
    const { name, namespace } = policy.metadata;
    const client = new KubeClient(loadKubeconfig(join(STATE_DIR, 'kubeconfig')));
    try {
      const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
      await client.request({ method: 'POST', path, query: { fieldValidation: 'Ignore' }, body: policy });
      this.#made.push({ resource: 'networkpolicies', namespace, name });
    } finally {
      client.close();
    }
  }

  /** As a pod of the account would show it. */
  async tokenOf({ namespace, name }: PodName): Promise<string> {
    const client = new KubeClient(loadKubeconfig(join(STATE_DIR, 'kubeconfig')));
    try {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3_600 } };
      const answer = (await client.request({ method: 'POST', path, body })) as { status: { token: string } };
      return answer.status.token;
    } finally {
      client.close();
    }
  }

  /** Takes away at once what would be at the end. */
  async remove(ref: ObjectRef): Promise<void> {
    await this.sandbox.delete(ref, 0);
  }

  /** Creates a pod that does nothing, and returns at once. */
  async createPod(wish: PodWish): Promise<void> {
    const { namespace, name, labels, annotations, ip, node = this.node } = wish;
    this.nodes.placed({ namespace, name }, node);
    if (ip !== undefined) await this.sandbox.requestAddress(namespace, name, ip);
    await this.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name, labels: { ...labels }, ...(annotations && { annotations: { ...annotations } }) },
      spec: {
        terminationGracePeriodSeconds: 0,
        nodeName: node.name,
        containers: [{ name: 'main', image: 'host', command: ['sleep', 'infinity'] }],
      },
    });
  }

  /** Creates a pod and waits until its device is open. */
  async startPod(wish: PodWish): Promise<Actor> {
    await this.createPod(wish);
    await this.whenReady(wish.namespace, wish.name);
    return await this.actor(wish.namespace, wish.name);
  }

  /** Deletes a pod at once and waits until its network is gone. */
  async deletePod(namespace: string, name: string): Promise<void> {
    await this.sandbox.delete({ resource: 'pods', namespace, name }, 0);
    await this.sandbox.waitGone(namespace, name);
  }

  /** `undefined`: the agent of its node knows of no such endpoint. */
  async endpoint(namespace: string, name: string): Promise<EndpointView | undefined> {
    const node = await this.nodes.of({ namespace, name });
    try {
      return await this.nodes.api(node).endpoint({ namespace, pod: name });
    } catch (error) {
      if (isMembraneError(error, 'E_API_UNREACHABLE') || isMembraneError(error, 'E_API_RESPONSE')) throw error;
      return undefined;
    }
  }

  /** Waits until every agent answers and says that it is ready. */
  async agentReady(): Promise<void> {
    for (const node of this.nodes.all) {
      await this.until(`the agent of ${node.name} is ready`, async () => {
        const status = await this.nodes
          .api(node)
          .status()
          .catch(() => undefined);
        return status?.ready === true ? status : undefined;
      });
    }
  }

  async whenReady(namespace: string, name: string): Promise<EndpointView> {
    return await this.until(`${namespacedName({ namespace, name })} is open`, async () => {
      const endpoint = await this.endpoint(namespace, name).catch(() => undefined);
      return endpoint?.state === 'ready' ? endpoint : undefined;
    });
  }

  /** Path of a pod's own network namespace as soon as it is there; `undefined` before. */
  async netnsOf(namespace: string, name: string): Promise<string | undefined> {
    const path = await this.sandbox.netnsOf(namespace, name);
    return this.nodes.all.some(({ netnsPath: own }) => own === path) ? undefined : path;
  }

  /** A pod that runs. Throws E_ATTACK_STAGE. */
  async actor(namespace: string, name: string): Promise<Actor> {
    const [endpoint, netns] = await Promise.all([this.endpoint(namespace, name), this.netnsOf(namespace, name)]);
    const address = endpoint?.addresses[0];
    if (address === undefined || netns === undefined) {
      throw attackErrors.make('E_ATTACK_STAGE', {
        detail: `the pod ${namespacedName({ namespace, name })} does not run`,
      });
    }
    const ip = parseAddr(address);
    return { namespace, name, ip, mac: macOfAddr(ip), netns, node: await this.nodes.of({ namespace, name }) };
  }

  /** A pod of the example, once its device is open. Throws E_ATTACK_STAGE. */
  async tenant(namespace: string, name: string): Promise<Actor> {
    if ((await this.sandbox.get({ resource: 'pods', namespace, name })) === undefined) {
      throw attackErrors.make('E_ATTACK_STAGE', { detail: `there is no pod ${namespacedName({ namespace, name })}` });
    }
    await this.whenReady(namespace, name);
    return await this.actor(namespace, name);
  }

  /**
   * Polls until `look` finds something. An agent that does not answer is asked again: it may be starting, or the machine busy.
   * Throws E_ATTACK_STAGE after `timeoutMs`, stretched by what the machine's load is by then, or when the attack is interrupted.
   */
  async until<T>(what: string, look: () => Promise<T | undefined>, timeoutMs = TIMEOUT_MS): Promise<T> {
    const begin = Date.now();
    for (let pause = POLL_MS.first; ; pause = Math.min(pause * POLL_MS.growth, POLL_MS.most)) {
      this.signal.throwIfAborted();
      let cause: unknown;
      const found = await look().catch((error: unknown) => {
        if (!isMembraneError(error, 'E_API_UNREACHABLE')) throw error;
        cause = error;
        return undefined;
      });
      if (found !== undefined) return found;
      const waited = Date.now() - begin;
      if (waited > patience(timeoutMs)) {
        const why = cause === undefined ? '' : `: ${errorMessage(cause)}`;
        throw attackErrors.make('E_ATTACK_STAGE', { detail: `waited ${waited} ms until ${what}${why}`, cause });
      }
      await systemClock.sleep(pause);
    }
  }

  /** What `look` sees once that is final, or in the end: not a matter of how long it took. */
  async inTheEnd<T>(look: () => Promise<T>, isFinal: (seen: T) => boolean, timeoutMs = TIMEOUT_MS): Promise<T> {
    const begin = Date.now();
    for (;;) {
      const seen = await look();
      if (isFinal(seen) || Date.now() - begin > patience(timeoutMs)) return seen;
      await this.settle(POLL_MS.most);
    }
  }

  /** Time for what is under way to arrive. */
  async settle(ms = patience(30)): Promise<void> {
    await systemClock.sleep(ms, this.signal);
  }
}

const RESOURCES: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  Pod: 'pods',
  NetworkPolicy: 'networkpolicies',
  Service: 'services',
  EndpointSlice: 'endpointslices',
  Tenant: 'tenants',
  ServiceAccount: 'serviceaccounts',
  RoleBinding: 'rolebindings',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
};
