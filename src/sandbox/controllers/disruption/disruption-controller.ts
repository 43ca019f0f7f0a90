import { at, namespacedName } from '../../../base/index.ts';
import { type ApiStore, type KubeObject, numberAt, objectAt, selectorHolds } from '../../apiserver/index.ts';
import { conditionsOf, withCondition } from '../kit/conditions.ts';
import type { ControllerContext } from '../kit/context.ts';
import { Controller } from '../kit/controller.ts';
import { scaledCount } from '../kit/counts.ts';
import { controllerOf } from '../kit/owner.ts';
import { isActive, isReady } from '../kit/pods.ts';
import { writeStatus } from '../kit/status.ts';

const COUNTS = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'];
/** Kinds that keep a number of pods. */
const SCALES: Readonly<Record<string, string>> = {
  Deployment: 'deployments',
  ReplicaSet: 'replicasets',
  ReplicationController: 'replicationcontrollers',
  StatefulSet: 'statefulsets',
};

/** Says of each disruption budget how many of its pods may be evicted now; the server refuses the others' eviction. */
export function disruptionController(context: ControllerContext): Controller {
  const { store, clock } = context;
  return new Controller(context, {
    name: 'disruption-controller',
    watches: [
      { resource: 'poddisruptionbudgets', concerns: ({ metadata }) => [namespacedName(metadata)] },
      {
        resource: 'pods',
        concerns: (pod) =>
          store
            .list('poddisruptionbudgets', { namespace: pod.metadata.namespace })
            .items.filter((budget) => selects(budget, pod))
            .map(({ metadata }) => namespacedName(metadata)),
      },
    ],
    sync: (key) => {
      const budget = store.get('poddisruptionbudgets', key);
      if (budget !== undefined) judge(store, budget, clock.now());
      return undefined;
    },
  });
}

/** An empty selector is all pods of the namespace, as in `policy/v1`. */
function selects(budget: KubeObject, pod: KubeObject): boolean {
  const selector = objectAt(budget, 'spec', 'selector');
  if (selector === undefined) return false;
  return Object.keys(selector).length === 0 || selectorHolds(selector, pod.metadata.labels);
}

function judge(store: ApiStore, budget: KubeObject, now: number): void {
  const { namespace, generation = 0 } = budget.metadata;
  const pods = store.list('pods', { namespace }).items.filter((pod) => isActive(pod) && selects(budget, pod));
  const spec = objectAt(budget, 'spec');
  const min = at(spec, 'minAvailable');
  const max = at(spec, 'maxUnavailable');
  // A number that must stay says nothing of how many there should be.
  const expected = typeof min === 'number' ? pods.length : expectedOf(store, pods);
  const desired =
    max === undefined
      ? scaledCount(min ?? 0, expected, 'up')
      : Math.max(0, expected - scaledCount(max, expected, 'up'));
  const healthy = pods.filter(isReady).length;
  const allowed = pods.length === 0 ? 0 : Math.max(0, healthy - desired);
  const condition =
    allowed > 0
      ? ({ status: 'True', reason: 'SufficientPods' } as const)
      : ({ status: 'False', reason: 'InsufficientPods' } as const);
  const status = {
    observedGeneration: generation,
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    conditions: withCondition(conditionsOf(budget), { type: 'DisruptionAllowed', message: '', ...condition }, now, {
      observedGeneration: generation,
    }),
  };
  writeStatus(store, 'poddisruptionbudgets', budget, status, COUNTS);
}

/** How many pods their keepers want, each keeper once. */
function expectedOf(store: ApiStore, pods: readonly KubeObject[]): number {
  const keepers = new Map(
    pods.map((pod) => [controllerOf(pod)?.uid ?? `${pod.metadata.uid}`, { pod, owner: controllerOf(pod) }]),
  );
  return [...keepers.values()].reduce((sum, { pod, owner }) => {
    const resource = owner === undefined ? undefined : SCALES[owner.kind];
    if (owner === undefined || resource === undefined) return sum + 1;
    const keeper = store.get(resource, { namespace: pod.metadata.namespace, name: owner.name });
    return sum + (numberAt(keeper, 'spec', 'replicas') ?? 0);
  }, 0);
}
