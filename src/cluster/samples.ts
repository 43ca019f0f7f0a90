/** Rows for tests. */
import type { NamespaceRow, NodeRow, PodRow, PolicyObject } from '../model/index.ts';

/** The node whose pods they are unless they say otherwise. */
export const SAMPLE_NODE = 'node-1';

export function podRow(name: string, labels: Record<string, string> = {}, change: Partial<PodRow> = {}): PodRow {
  return {
    uid: `uid-${name}`,
    namespace: 'shop',
    name,
    labels,
    serviceAccount: 'default',
    nodeName: SAMPLE_NODE,
    hostNetwork: false,
    privileged: false,
    netRaw: true,
    podIPs: [],
    hostIP: '',
    namedPorts: [],
    hostPorts: [],
    createdAt: '',
    phase: 'Running',
    ...change,
  };
}

export const namespaceRow = (name: string, labels: Record<string, string> = {}): NamespaceRow => ({
  uid: `uid-${name}`,
  namespace: '',
  name,
  labels: { ...labels, 'kubernetes.io/metadata.name': name },
});

export const nodeRow = (name: string, addresses: string[], podCIDRs: string[]): NodeRow => ({
  uid: `uid-${name}`,
  namespace: '',
  name,
  labels: {},
  addresses,
  podCIDRs,
});

export const policyRow = (name: string, spec: unknown): PolicyObject => ({
  kind: 'NetworkPolicy',
  uid: `uid-${name}`,
  namespace: 'shop',
  name,
  spec,
  unknownFields: [],
});

/** "Only `from` may reach `to`", by the label `app`. */
export const onlyFrom = (name: string, to: string, ...from: string[]): PolicyObject =>
  policyRow(name, {
    podSelector: { matchLabels: { app: to } },
    ingress: [{ from: from.map((app) => ({ podSelector: { matchLabels: { app } } })) }],
  });
