import { availableParallelism, release, totalmem } from 'node:os';
import { errorMessage, type Logger } from '../../base/index.ts';
import type { ApiStore } from '../apiserver/index.ts';
import { rfc3339, rfc3339Micro } from '../client/index.ts';
import type { NodePlace } from '../machine/index.ts';

/** How often a kubelet says that it lives; its lease says for how long that holds. */
const HEARTBEAT_MS = 10_000;
const LEASE_SECONDS = 40;
const LEASE_NAMESPACE = 'kube-node-lease';
/** What a /24 holds without its own, its broadcast and one spare address. */
const MAX_PODS = 253;

export function nodeObject(node: NodePlace) {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: {
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': arch,
        // Real kubelets still say it by these names, and manifests that ask for them are about.
        'beta.kubernetes.io/os': 'linux',
        'beta.kubernetes.io/arch': arch,
      },
    },
    spec: { podCIDR: node.podCidr, podCIDRs: [node.podCidr] },
  };
}

/** What the machine has, for whoever reads it: it is shared by all nodes, and nothing is held back of it. */
const CAPACITY = {
  cpu: String(availableParallelism()),
  memory: `${Math.floor(totalmem() / 1_024)}Ki`,
  pods: String(MAX_PODS),
};

const NETWORK_NOT_READY = 'container runtime network not ready: the CNI plugin does not answer STATUS';

export function nodeStatus(node: NodePlace, ready: boolean, now: string, since: string) {
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: since,
  });
  return {
    addresses: [
      { type: 'InternalIP', address: node.ip },
      { type: 'Hostname', address: node.name },
    ],
    capacity: CAPACITY,
    allocatable: CAPACITY,
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      ready
        ? condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status')
        : condition('Ready', 'False', 'KubeletNotReady', NETWORK_NOT_READY),
    ],
    nodeInfo: {
      kernelVersion: release(),
      osImage: 'this machine',
      containerRuntimeVersion: 'membrane-sandbox://1',
      kubeletVersion: 'v1.32.0',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      machineID: '',
      systemUUID: '',
      bootID: '',
    },
  };
}

/** Keeps a node's object, its Ready condition and its lease. */
export class NodeRegistration {
  readonly #node: NodePlace;
  readonly #store: ApiStore;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { node: NodePlace; store: ApiStore; log: Logger }) {
    this.#node = options.node;
    this.#store = options.store;
    this.#log = options.log;
  }

  /** The node is there, and not ready for pods before `setReady`: its network may need the object first. */
  start(): void {
    const { name } = this.#node;
    if (this.#store.get('nodes', { name }) === undefined) this.#store.create('nodes', nodeObject(this.#node));
    this.setReady(false);
    this.#renew();
    this.#timer = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  setReady(ready: boolean): void {
    const now = rfc3339();
    this.#store.patchStatus('nodes', { name: this.#node.name }, nodeStatus(this.#node, ready, now, now));
  }

  /** The lease says that the node lives; its status is written only when it changes. */
  #beat(): void {
    try {
      this.#renew();
    } catch (error) {
      this.#log.warn({ node: this.#node.name, error: errorMessage(error) }, 'heartbeat failed');
    }
  }

  #renew(): void {
    const { name } = this.#node;
    const now = rfc3339Micro();
    const lease = this.#store.get('leases', { namespace: LEASE_NAMESPACE, name });
    const spec = { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime: now };
    if (lease === undefined) {
      const uid = this.#store.get('nodes', { name })?.metadata.uid ?? '';
      const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid }];
      this.#store.create('leases', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace: LEASE_NAMESPACE, ownerReferences },
        spec,
      });
    } else this.#store.update('leases', { ...structuredClone(lease), spec });
  }
}
