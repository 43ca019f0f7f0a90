import type { IdentityId, IdentityObject, PodRow } from '../model/index.ts';

/**
 * Numbers of which a pod may be: the same namespace and service account, and all labels of the number. Some may be among
 * them that no pod has; agents, which know for certain, keep what they have whatever is said here.
 */
export function usedNumbers(
  identities: Iterable<IdentityObject>,
  pods: Iterable<Pick<PodRow, 'namespace' | 'serviceAccount' | 'labels'>>,
): ReadonlySet<IdentityId> {
  const labels = Map.groupBy(pods, ({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`);
  const used = new Set<IdentityId>();
  for (const { id, workload } of identities) {
    if (workload === undefined) continue;
    const own = Array.from(workload.labels);
    const those = labels.get(`${workload.namespace}/${workload.serviceAccount}`) ?? [];
    if (those.some((pod) => own.every(([key, value]) => pod.labels[key] === value))) used.add(id);
  }
  return used;
}
