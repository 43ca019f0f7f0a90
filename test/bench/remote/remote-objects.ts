import { setTimeout as sleep } from 'node:timers/promises';
import { probes } from '../../../src/identity/probes.ts';
import { CLUSTER_RANGE } from '../../../src/identity/reserved.ts';
import { identityObject } from '../../../src/kube/resources/identity.ts';
import { nodeEndpointSliceObject } from '../../../src/kube/resources/node-endpoint-slice.ts';
import { identityId, labelMap, type NodeEndpoint, type Workload, workloadKey } from '../../../src/model/index.ts';
import { parseAddr } from '../../../src/net/index.ts';
import type { ApiStore } from '../../../src/sandbox/apiserver/index.ts';
import { IDENTITIES, workload } from '../large-cluster.ts';

const PODS_OF_NODE = 20;
const PODS_OF_SLICE = 16;

const plain = (object: object) => JSON.parse(JSON.stringify(object)) as Parameters<ApiStore['create']>[1];

/** More than the large cluster has: the same tenants with more releases. */
export function remoteWorkload(index: number): Workload {
  const { labels, ...rest } = workload(index % IDENTITIES);
  const release = String(Math.floor(index / IDENTITIES));
  return { ...rest, labels: labelMap({ ...Object.fromEntries(labels), release }) };
}

/** Numbers of other nodes' pods, as these would have placed them. */
export class RemoteIdentities {
  readonly #store: Pick<ApiStore, 'create' | 'delete'>;
  readonly #taken = new Set<number>();

  constructor(store: Pick<ApiStore, 'create' | 'delete'>) {
    this.#store = store;
  }

  create(of: Workload): number {
    for (const id of probes(workloadKey(of), CLUSTER_RANGE)) {
      if (this.#taken.has(id)) continue;
      this.#taken.add(id);
      this.#store.create('identities', plain(identityObject(id, of)));
      return id;
    }
    throw new Error('there is no number left');
  }

  delete(id: number): void {
    this.#taken.delete(id);
    this.#store.delete('identities', { name: String(id) });
  }
}

export const nodeName = (node: number): string => `far-${node}`;
export const podAddr = (node: number, host: number): string => `100.${64 + (node >> 8)}.${node & 255}.${host}`;

export const endpointOf = (node: number, host: number, identity: number): NodeEndpoint => ({
  namespace: 'tenant-0',
  name: `remote-${node}-${host}-6d4b75cb6d-hs5kx`,
  own: { identity: identityId(identity), addresses: [parseAddr(podAddr(node, host))] },
});

/** The endpoints of slice 0 or 1 of a node. */
export function endpointsOf(node: number, slice: number, numbers: readonly number[]): NodeEndpoint[] {
  const hosts = Array.from({ length: PODS_OF_NODE }, (_, host) => host + 1);
  const own = hosts.slice(slice * PODS_OF_SLICE, (slice + 1) * PODS_OF_SLICE);
  return own.map((host) => endpointOf(node, host, numbers[(node * PODS_OF_NODE + host) % numbers.length] ?? 256));
}

/** Nodes that nobody runs, and what they tell of `pods` pods. */
export async function createRemotePods(store: ApiStore, pods: number, numbers: readonly number[]): Promise<void> {
  for (let node = 0; node < pods / PODS_OF_NODE; node += 1) {
    const name = nodeName(node);
    const podCIDR = podAddr(node, 0).concat('/24');
    const created = store.create('nodes', { metadata: { name }, spec: { podCIDR, podCIDRs: [podCIDR] } });
    const address = `172.20.${node >> 8}.${node & 255}`;
    store.patchStatus('nodes', { name }, { addresses: [{ type: 'InternalIP', address }] });
    const { uid } = created.metadata as { uid: string };
    for (const slice of [0, 1]) {
      const endpoints = endpointsOf(node, slice, numbers);
      const content = { node: name, slice, nodeUid: uid, endpoints };
      store.create('nodeendpointslices', plain(nodeEndpointSliceObject(content)));
    }
    if (node % 50 === 0) await sleep(0);
  }
}
