import type { Direction, Workload } from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';
import { type DraftSelector, narrowSelector } from './selector.ts';

/** An empty list of peers or ports would mean all: there is at least one, or no list. */
export type DraftPeer =
  | { readonly podSelector: DraftSelector; readonly namespaceSelector?: DraftSelector }
  | { readonly ipBlock: { readonly cidr: string } };
export type DraftPort = { readonly protocol: 'TCP' | 'UDP' | 'SCTP'; readonly port: number | string };
export type DraftRule = {
  readonly from?: readonly DraftPeer[];
  readonly to?: readonly DraftPeer[];
  readonly ports?: readonly DraftPort[];
};

/** A NetworkPolicy as the API server takes it. */
export type NetworkPolicyDraft = {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'NetworkPolicy';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector: DraftSelector;
    readonly policyTypes: readonly ('Ingress' | 'Egress')[];
    readonly ingress?: readonly DraftRule[];
    readonly egress?: readonly DraftRule[];
  };
};

/** Its pods, as narrow as labels can say, among the workloads that there are. */
export function podsOf(workload: Workload, all: Iterable<Workload>): DraftSelector {
  const others: Workload['labels'][] = [];
  for (const other of all) if (other.namespace === workload.namespace) others.push(other.labels);
  return narrowSelector(workload.labels, others);
}

/** The label by which the API server names every namespace. */
const NAMESPACE_NAME = 'kubernetes.io/metadata.name';

/** As a policy of `namespace` names it. */
export function peerOf(workload: Workload, namespace: string, all: Iterable<Workload>): DraftPeer {
  const podSelector = podsOf(workload, all);
  if (workload.namespace === namespace) return { podSelector };
  return { namespaceSelector: { matchLabels: { [NAMESPACE_NAME]: workload.namespace } }, podSelector };
}

export function addressPeer(addr: Addr): DraftPeer {
  return { ipBlock: { cidr: `${addr}/${addr.includes(':') ? 128 : 32}` } };
}

export function draftOf(options: {
  readonly namespace: string;
  readonly name: string;
  readonly pods: DraftSelector;
  readonly direction: Direction;
  readonly rules: readonly { readonly peers: readonly DraftPeer[]; readonly ports: readonly DraftPort[] }[];
}): NetworkPolicyDraft {
  const { namespace, name, pods, direction } = options;
  const side = direction === 'ingress' ? 'from' : 'to';
  const rules = options.rules.map(
    ({ peers, ports }): DraftRule => ({
      ...(peers.length === 0 ? {} : { [side]: peers }),
      ...(ports.length === 0 ? {} : { ports }),
    }),
  );
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace },
    spec: { podSelector: pods, policyTypes: [direction === 'ingress' ? 'Ingress' : 'Egress'], [direction]: rules },
  };
}

/** Room for a number behind it. */
const MOST_NAME = 56;

/** A name that the API server takes, which no other object has. */
export function draftName(words: readonly string[], isTaken: (name: string) => boolean): string {
  const base =
    words
      .join('-')
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/-+/g, '-')
      .slice(0, MOST_NAME)
      .replaceAll(/^-|-$/g, '') || 'allow';
  let name = base;
  for (let nth = 2; isTaken(name); nth += 1) name = `${base}-${nth}`;
  return name;
}
