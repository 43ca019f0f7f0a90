import type { Protocol } from '../net/index.ts';
import {
  CLUSTER_KEY,
  escapeKeyPart,
  isInternalKey,
  type Label,
  type LabelMap,
  labelsKey,
  NAMESPACE_KEY,
  NAMESPACE_LABEL_PREFIX,
  SERVICE_ACCOUNT_KEY,
} from './labels.ts';

/** A container port with a name, as policies refer to it. */
export type NamedPort = { readonly name: string; readonly protocol: Protocol; readonly port: number };

/** What makes a pod who it is. Pods with equal workloads share one identity. */
export type Workload = {
  readonly namespace: string;
  readonly namespaceLabels: LabelMap;
  /** The pod's own labels; for an identity those that the label filter keeps. */
  readonly labels: LabelMap;
  readonly serviceAccount: string;
  readonly cluster: string;
  /** Part of the identity, so that a port name means one number for every member of an identity. */
  readonly namedPorts: readonly NamedPort[];
};

/** The identity's labels, unsorted. What the pod says of itself is never taken for what Membrane says of it. */
export function workloadLabels(workload: Workload): Label[] {
  const k8s = (key: string, value: string): Label => ({ source: 'k8s', key, value });
  const own = (key: string, value: string): Label => ({ source: isInternalKey(key) ? 'pod' : 'k8s', key, value });
  return [
    ...Array.from(workload.labels, ([key, value]) => own(key, value)),
    ...Array.from(workload.namespaceLabels, ([key, value]) => k8s(NAMESPACE_LABEL_PREFIX + key, value)),
    k8s(NAMESPACE_KEY, workload.namespace),
    k8s(SERVICE_ACCOUNT_KEY, workload.serviceAccount),
    k8s(CLUSTER_KEY, workload.cluster),
  ];
}

/** Canonical text of everything that tells two identities apart. */
export function workloadKey(workload: Workload): string {
  const ports = workload.namedPorts.map(({ name, protocol, port }) => `${escapeKeyPart(name)}/${protocol}/${port}`);
  return `${labelsKey(workloadLabels(workload))}|${[...new Set(ports)].sort().join(',')}`;
}
