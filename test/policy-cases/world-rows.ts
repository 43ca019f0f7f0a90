import type { LabelMap, NamespaceRow, NodeRow, PodRow, SliceSpec } from '../../src/model/index.ts';
import { Prefix } from '../../src/net/index.ts';
import { podKey, type WorldNode, type WorldPod } from './world.ts';

/** What the API says of a world. `node`: where the pod is taken to be. */
export function podRowOf(pod: WorldPod, node: string = pod.node): PodRow {
  return {
    uid: `uid-${podKey(pod)}`,
    namespace: pod.namespace,
    name: pod.name,
    labels: Object.fromEntries(pod.labels),
    serviceAccount: pod.serviceAccount,
    nodeName: node,
    hostNetwork: pod.hostNetwork,
    privileged: false,
    netRaw: true,
    podIPs: pod.addrs,
    hostIP: '',
    namedPorts: pod.namedPorts,
    hostPorts: [],
    createdAt: '',
    phase: 'Running',
  };
}

export function namespaceRowOf(name: string, labels: LabelMap): NamespaceRow {
  return { uid: `uid-${name}`, namespace: '', name, labels: Object.fromEntries(labels) };
}

/** Its ranges are the addresses that the case gives to its pods. */
export function nodeRowOf({ name, addrs }: WorldNode, pods: readonly WorldPod[]): NodeRow {
  const own = pods.filter(({ node, hostNetwork }) => node === name && !hostNetwork);
  return {
    uid: `uid-${name}`,
    namespace: '',
    name,
    labels: {},
    addresses: addrs,
    podCIDRs: own.flatMap((pod) => pod.addrs.map((addr) => Prefix.host(addr).toString())),
  };
}

/** What API servers tell of themselves. */
export function apiServerSliceOf(nodes: readonly WorldNode[]): SliceSpec {
  const endpoint = {
    ready: true,
    serving: true,
    terminating: false,
    nodeName: '',
    pod: '',
    zones: [],
    nodes: [],
  } as const;
  return {
    uid: 'uid-kubernetes',
    namespace: 'default',
    name: 'kubernetes',
    service: 'kubernetes',
    addressType: 'IPv4',
    ports: [{ name: 'https', protocol: 'TCP', port: 6443 }],
    endpoints: nodes.flatMap(({ addrs, apiserver }) =>
      apiserver ? addrs.map((address) => ({ ...endpoint, address })) : [],
    ),
  };
}
