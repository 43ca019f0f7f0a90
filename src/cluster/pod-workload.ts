import { labelMap, type NamespaceRow, type PodRow, type Workload } from '../model/index.ts';

/** A pod that has, or will have, packets of its own. Nodes' pods are the node; a finished pod's address is free. */
export function isWorkload(pod: Pick<PodRow, 'hostNetwork' | 'phase'>): boolean {
  return !pod.hostNetwork && pod.phase !== 'Succeeded' && pod.phase !== 'Failed';
}

/**
 * Is this the pod that a runtime knows by `uid`? Of a static pod it knows the hash of the file, and the API server a mirror
 * of it (kubelet: kubernetes.io/config.mirror). Whoever could write such an annotation to be taken for a static pod needs
 * its name in its namespace, too. A runtime that says no uid says nothing against any.
 */
export function isRunAs(pod: Pick<PodRow, 'uid' | 'mirrorOf'>, uid: string | undefined): boolean {
  return uid === undefined || uid === pod.uid || uid === pod.mirrorOf;
}

export function workloadOf(pod: PodRow, namespace: NamespaceRow, cluster: string): Workload {
  return {
    namespace: pod.namespace,
    namespaceLabels: labelMap(namespace.labels),
    labels: labelMap(pod.labels),
    serviceAccount: pod.serviceAccount,
    cluster,
    namedPorts: pod.namedPorts,
  };
}
