import { randomBytes } from 'node:crypto';
import { Backoff, errorMessage, type Logger, systemClock } from '../../base/index.ts';
import { type Pod, podKey } from '../client/index.ts';
import { type Cgroup, createNetns, deleteNetns, type NodePlace } from '../machine/index.ts';
import type { Attachment, Cni, CniResult } from './cni.ts';
import { type NetworkList, readNetworkList } from './cni-config.ts';
import { ContainerProcess } from './container-process.ts';
import { hostName } from './etc/hosts-file.ts';
import { holderArgv, podEnvironment } from './isolation.ts';
import type { MemoryVolume } from './volumes/pod-volumes.ts';

export type SandboxHost = {
  readonly node: NodePlace;
  readonly cgroup: Cgroup;
  readonly cni: Cni;
  readonly networkListPath: string;
  /** Addresses that the sandbox's operator asked for, by `namespace/name`. A tenant has no way to write here. */
  readonly requestedAddresses: Map<string, string>;
  /** For experiments: called when the pod's network namespace is there and before the plugin is. */
  readonly beforeNetwork?: ((pod: Pod, netns: string) => Promise<void>) | undefined;
  readonly log: Logger;
};

/** How long a plugin that cannot detach a pod is asked again while its node's namespace is there. */
const DETACH_BACKOFF = { initial: 200, max: 5_000 };

/** What a pod's containers share: namespaces, network, cgroup. One instance is one attempt of one pod. */
export class PodSandbox {
  readonly id = randomBytes(32).toString('hex');
  readonly cgroup: Cgroup;
  /** Path of the network namespace that the containers join; empty before it is there. */
  netns: string;
  /** Pid of the process that holds the other shared namespaces. */
  holder = 0;
  podIPs: readonly string[] = [];
  readonly #host: SandboxHost;
  readonly #pod: Pod;
  readonly #memory: readonly MemoryVolume[];
  /** Of the namespace we made; empty for a pod on the host's network. */
  readonly #netnsName: string;
  #list: NetworkList | undefined;
  #result: CniResult | undefined;

  /** `memory`: what the containers share in their mounts, too. */
  constructor(host: SandboxHost, pod: Pod, memory: readonly MemoryVolume[] = []) {
    const short = this.id.slice(0, 12);
    this.#host = host;
    this.#pod = pod;
    this.#memory = memory;
    this.cgroup = host.cgroup.child(`pod-${short}`);
    this.#netnsName = pod.spec.hostNetwork ? '' : `mbr-pod-${short}`;
    this.netns = pod.spec.hostNetwork ? host.node.netnsPath : '';
  }

  /** Makes the namespaces and the network. Throws when the network is refused; `remove` cleans up after that too. */
  async create(): Promise<void> {
    this.cgroup.create();
    if (this.#netnsName === '') {
      this.podIPs = [this.#host.node.ip];
      await this.#hold();
      return;
    }
    this.netns = await createNetns(this.#netnsName);
    const list = await readNetworkList(this.#host.networkListPath);
    await this.#host.beforeNetwork?.(this.#pod, this.netns);
    // In this order: the network takes longer.
    await Promise.all([this.#attach(list), this.#hold()]);
  }

  /** Asks the plugin whether the network is as ADD left it (CNI CHECK). Throws CniError. */
  async check(): Promise<void> {
    if (this.#list === undefined || this.#result === undefined) return;
    await this.#host.cni.check(this.#list, this.#attachment(), this.#result);
  }

  /** Ends whatever still runs, detaches, removes. Waits for the plugin as long as the signal lets it. */
  async remove(signal: AbortSignal): Promise<void> {
    await this.cgroup.remove();
    if (this.#netnsName === '') return;
    await this.#detach(signal);
    await deleteNetns(this.#netnsName);
  }

  async #hold(): Promise<void> {
    const cgroup = this.cgroup.child('shared').create();
    const argv = holderArgv({
      procsFile: cgroup.procsFile,
      netns: this.netns,
      hostname: hostName(this.#pod),
      memory: this.#memory,
      ownNetwork: this.#netnsName !== '',
    });
    const holder = new ContainerProcess({ argv, env: podEnvironment(), cgroup });
    const failure = await holder.failure;
    if (failure !== undefined) {
      throw new Error(`the pod's shared namespaces cannot be made (${podKey(this.#pod)}): ${failure}`);
    }
    this.holder = holder.pid;
  }

  #attachment(): Attachment {
    const { namespace, name, uid } = this.#pod.metadata;
    const ip = this.#host.requestedAddresses.get(podKey(this.#pod));
    return {
      containerId: this.id,
      netns: this.netns,
      pod: { namespace, name, uid },
      runtimeConfig: ip === undefined ? {} : { ips: [`${ip}/32`] },
    };
  }

  async #attach(list: NetworkList): Promise<void> {
    this.#list = list;
    this.#result = await this.#host.cni.add(list, this.#attachment());
    this.podIPs = this.#result.ips.map((ip) => ip.address.split('/')[0] ?? '').filter(Boolean);
    this.#host.requestedAddresses.delete(podKey(this.#pod));
  }

  /** DEL is asked for after a failed ADD too, once; after a good one until it succeeds, or an address would leak. */
  async #detach(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(DETACH_BACKOFF);
    while (this.#list !== undefined) {
      try {
        await this.#host.cni.del(this.#list, this.#attachment(), this.#result);
        return;
      } catch (error) {
        if (this.#result === undefined || signal.aborted) return;
        this.#host.log.warn({ pod: podKey(this.#pod), error: errorMessage(error) }, 'network not detached');
        await systemClock.sleep(backoff.next(), signal).catch(() => undefined);
      }
    }
  }
}
