import type { Workload } from '../../src/model/index.ts';
import type { World, WorldPod } from './world.ts';

export function workloadOf(pod: WorldPod, world: World): Workload {
  return {
    namespace: pod.namespace,
    namespaceLabels: world.namespaces.get(pod.namespace) ?? new Map(),
    labels: pod.labels,
    serviceAccount: pod.serviceAccount,
    cluster: 'default',
    namedPorts: pod.namedPorts,
  };
}
