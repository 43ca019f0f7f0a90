import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorMessage, type Logger, namespacedName, systemClock } from '../../base/index.ts';
import type { ApiStore, ExecProcess } from '../apiserver/index.ts';
import { type Change, EventRecorder, type Informer, type Pod, podKey } from '../client/index.ts';
import type { Cgroup, NodePlace } from '../machine/index.ts';
import { Cni } from './cni.ts';
import { parseNetworkList } from './cni-config.ts';
import type { ExecTarget } from './container-runner.ts';
import type { ImageTable } from './images/image-table.ts';
import { Images } from './images/images.ts';
import type { KubeletHost } from './kubelet-host.ts';
import { limitLogs } from './log-files.ts';
import { NodeRegistration } from './node-registration.ts';
import { PodObjects } from './pod-objects.ts';
import { PodWorker } from './pod-worker.ts';
import { Semaphore } from './semaphore.ts';
import { emptyDeletedVolumes } from './volumes/claim-folder.ts';
import { type IssueToken, PodTokens } from './volumes/tokens.ts';

const PARALLEL_STARTS = 4;
const LOG_CHECK_MS = 10_000;
const NETWORK_CHECK_MS = 50;
/** After so long pods may come: what is wrong then shows in their events. */
const NETWORK_TIMEOUT_MS = 15_000;

export type KubeletOptions = {
  readonly node: NodePlace;
  readonly store: ApiStore;
  /** Of all pods; the kubelet takes those of its node. */
  readonly pods: Informer<Pod>;
  /** The node's own; pods get children. */
  readonly cgroup: Cgroup;
  /** Folder with the CNI plugin, and the network list's text. */
  readonly cniBinDir: string;
  readonly networkList: string;
  /** Lines before the built-in ones of what images stand for. */
  readonly imageMap?: ImageTable | undefined;
  readonly issueToken: IssueToken;
  /** Address of the cluster's DNS server. */
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly restartDelay?: { readonly initialMs: number; readonly maxMs: number } | undefined;
  readonly beforeNetwork?: ((pod: Pod, netns: string) => Promise<void>) | undefined;
  readonly log: Logger;
};

function machineResolvers(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

/** Runs the pods of one node. */
export class Kubelet {
  /** Addresses for pods to come, by `namespace/name`; only whoever holds this object can ask for one. */
  readonly requestedAddresses = new Map<string, string>();
  readonly #options: KubeletOptions;
  readonly #host: KubeletHost;
  readonly #cni: Cni;
  readonly #registration: NodeRegistration;
  readonly #shutdown = new AbortController();
  /** By uid: a pod that was replaced under its name is another one. */
  readonly #workers = new Map<string, PodWorker>();
  readonly #byName = new Map<string, PodWorker>();
  readonly #running = new Set<Promise<void>>();
  /** What of `#running` serves a name. */
  readonly #ending = new Map<string, Set<Promise<void>>>();
  readonly #networkListPath: string;
  #logTimer: NodeJS.Timeout | undefined;

  constructor(options: KubeletOptions) {
    const { node, store, log } = options;
    this.#options = options;
    this.#registration = new NodeRegistration({ node, store, log });
    this.#networkListPath = join(node.dir, 'cni/net.d/10-membrane.conflist');
    this.#cni = new Cni({
      binDir: options.cniBinDir,
      nodeNetns: node.netnsPath,
      socket: join(node.agentDir, 'cni.sock'),
    });
    this.#host = {
      node,
      store,
      log,
      events: new EventRecorder({ store, component: 'kubelet', log }),
      objects: new PodObjects({ store, log }),
      images: new Images(options.imageMap),
      tokens: new PodTokens(options.issueToken),
      dns: { servers: [options.clusterDns], domain: options.clusterDomain, node: machineResolvers() },
      sandboxes: {
        node,
        cni: this.#cni,
        log,
        cgroup: options.cgroup,
        networkListPath: this.#networkListPath,
        requestedAddresses: this.requestedAddresses,
        beforeNetwork: options.beforeNetwork,
      },
      starts: new Semaphore(PARALLEL_STARTS),
      shutdown: this.#shutdown.signal,
      restartDelay: options.restartDelay ?? { initialMs: 10_000, maxMs: 300_000 },
    };
  }

  get nodeName(): string {
    return this.#options.node.name;
  }

  /** `waitForNetwork`: the node is ready for pods once its CNI plugin says so, or has had its time. */
  async start(options: { waitForNetwork: boolean }): Promise<void> {
    await mkdir(dirname(this.#networkListPath), { recursive: true, mode: 0o700 });
    await writeFile(this.#networkListPath, this.#options.networkList, { mode: 0o600 });
    this.#options.cgroup.create();
    this.#registration.start();
    this.#running.add(this.#host.objects.run(this.#shutdown.signal));
    this.#running.add(this.#emptyVolumes());
    this.#options.pods.onChange((change) => this.#onChange(change));
    const logs = join(this.#options.node.dir, 'logs');
    this.#logTimer = setInterval(() => void limitLogs(logs), LOG_CHECK_MS).unref();
    const ready = this.#becomeReady(options.waitForNetwork).catch((error: unknown) => {
      this.#options.log.error({ node: this.#options.node.name, error: errorMessage(error) }, 'node not ready');
    });
    this.#running.add(ready);
  }

  async #emptyVolumes(): Promise<void> {
    const { signal } = this.#shutdown;
    try {
      await emptyDeletedVolumes(this.#host, signal);
    } catch (error) {
      if (!signal.aborted) this.#options.log.error({ error: errorMessage(error) }, 'deleted volumes keep their files');
    }
  }

  async #becomeReady(waitForNetwork: boolean): Promise<void> {
    const { signal } = this.#shutdown;
    if (waitForNetwork) {
      const list = parseNetworkList(this.#options.networkList, this.#networkListPath);
      const began = systemClock.now();
      const waited = (): number => systemClock.now() - began;
      while (!signal.aborted && waited() < NETWORK_TIMEOUT_MS && !(await this.#cni.status(list))) {
        // Asking takes a process: the start that is waited for needs the processor more.
        await systemClock.sleep(Math.max(NETWORK_CHECK_MS, waited() / 6), signal).catch(() => undefined);
      }
    }
    if (!signal.aborted) this.#registration.setReady(true);
  }

  /** Ends everything at once: nothing is detached or reported; the sweep that follows removes it all. */
  async stop(): Promise<void> {
    clearInterval(this.#logTimer);
    this.#registration.stop();
    this.#shutdown.abort();
    this.#options.cgroup.kill();
    await Promise.allSettled(this.#running);
  }

  /** How to run something in a pod's container (default: its first); `undefined` when that does not run. */
  execTarget(namespace: string, name: string, container?: string): ExecTarget | undefined {
    return this.#byName.get(namespacedName({ namespace, name }))?.execTarget(container);
  }

  /** The streams of a container's own process; `undefined` when it does not run. */
  attach(
    namespace: string,
    name: string,
    container: string,
    options: { readonly stdin: boolean },
  ): ExecProcess | undefined {
    return this.#byName.get(namespacedName({ namespace, name }))?.attach(container, options);
  }

  /** Path of a pod's network namespace. */
  netnsOf(namespace: string, name: string): string | undefined {
    return this.#byName.get(namespacedName({ namespace, name }))?.netns;
  }

  /** Paths of those that pods have for themselves. */
  get podNamespaces(): readonly string[] {
    const all = Array.from(this.#workers.values()).flatMap(({ netns }) => netns ?? []);
    return all.filter((path) => path !== this.#options.node.netnsPath);
  }

  /** CNI CHECK of a pod; nothing when it is not here. Throws CniError. */
  async checkNetwork(namespace: string, name: string): Promise<void> {
    await this.#byName.get(namespacedName({ namespace, name }))?.checkNetwork();
  }

  /** Resolves when nothing is left of the pods that had this name. */
  async ended(namespace: string, name: string): Promise<void> {
    for (const run of this.#ending.get(namespacedName({ namespace, name })) ?? []) await run;
  }

  #onChange({ next, previous }: Change<Pod>): void {
    if (this.#shutdown.signal.aborted) return;
    const pod = next ?? previous;
    if (pod === undefined || pod.spec.nodeName !== this.#options.node.name) return;
    const worker = this.#workers.get(pod.metadata.uid);
    if (next === undefined) worker?.forget();
    else if (worker !== undefined) worker.update(next);
    // A pod that ended before is not run again.
    else if (next.status.phase !== 'Succeeded' && next.status.phase !== 'Failed') this.#begin(next);
  }

  #begin(pod: Pod): void {
    const { uid } = pod.metadata;
    const worker = new PodWorker(this.#host, pod);
    this.#workers.set(uid, worker);
    this.#byName.set(podKey(pod), worker);
    const run = worker
      .run()
      .catch((error: unknown) => {
        this.#options.log.error({ pod: podKey(pod), error: errorMessage(error) }, 'pod worker failed');
      })
      .finally(() => {
        this.#workers.delete(uid);
        if (this.#byName.get(podKey(pod)) === worker) this.#byName.delete(podKey(pod));
        this.#running.delete(run);
        named.delete(run);
        if (named.size === 0) this.#ending.delete(podKey(pod));
      });
    this.#running.add(run);
    const named = this.#ending.get(podKey(pod)) ?? new Set();
    this.#ending.set(podKey(pod), named.add(run));
  }
}
