import { type JsonObject, type KubeObject, numberAt, objectAt, stringAt, timestamp } from '../../apiserver/index.ts';
import { type Condition, conditionsOf, findCondition, withCondition, withoutCondition } from '../kit/conditions.ts';
import { actualOf, availableOf, maxUnavailable, progressDeadline, readyOf, sum, wantedOf } from './spec.ts';

export const PROGRESSING = 'Progressing';
const FAILURE = 'ReplicaFailure';

export type Sets = {
  readonly all: readonly KubeObject[];
  /** Absent: it was not made yet. */
  readonly newSet: KubeObject | undefined;
};

export function progressing(status: Condition['status'], reason: string, message: string): Condition {
  return { type: PROGRESSING, status, reason, message };
}

/** With a condition that is brought up to now; a `Progressing` that goes on is new each time, by its `lastUpdateTime`. */
export function withDeploymentCondition(
  conditions: readonly JsonObject[],
  condition: Condition,
  now: number,
): JsonObject[] {
  return withCondition(conditions, condition, now, { lastUpdateTime: timestamp(now) });
}

/** What the sets amount to; `Progressing` and failures are not judged yet. */
export function countedStatus(deployment: KubeObject, { all, newSet }: Sets, now: number): JsonObject {
  const available = sum(all, availableOf);
  const enough = available >= wantedOf(deployment) - maxUnavailable(deployment);
  const availability: Condition = enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum(all, actualOf),
    updatedReplicas: newSet === undefined ? 0 : actualOf(newSet),
    readyReplicas: sum(all, readyOf),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum(all, wantedOf) - available),
    collisionCount: numberAt(deployment, 'status', 'collisionCount') ?? 0,
    conditions: withDeploymentCondition(conditionsOf(deployment), availability, now),
  };
}

/** All that the rollout wants is there and available, and nothing else is. */
export function isComplete(deployment: KubeObject, status: JsonObject | undefined): boolean {
  const wanted = wantedOf(deployment);
  const counts = ['updatedReplicas', 'replicas', 'availableReplicas'].map((key) => numberAt(status, key) ?? 0);
  const observed = numberAt(status, 'observedGeneration') ?? 0;
  return counts.every((count) => count === wanted) && observed >= (deployment.metadata.generation ?? 0);
}

function madeProgress(before: JsonObject | undefined, now: JsonObject): boolean {
  const of = (status: JsonObject | undefined, key: string): number => numberAt(status, key) ?? 0;
  const old = (status: JsonObject | undefined): number => of(status, 'replicas') - of(status, 'updatedReplicas');
  const more = ['updatedReplicas', 'readyReplicas', 'availableReplicas'].some((key) => of(now, key) > of(before, key));
  return more || old(now) < old(before);
}

/** With what the rollout came to since the last look: done, going on, or too slow. */
export function rolloutStatus(deployment: KubeObject, sets: Sets, now: number): JsonObject {
  const status = countedStatus(deployment, sets, now);
  let conditions = status['conditions'] as JsonObject[];
  const current = findCondition(conditionsOf(deployment), PROGRESSING);
  const deadline = progressDeadline(deployment);
  if (deadline === undefined) conditions = withoutCondition(conditions, PROGRESSING);
  else if (current?.['reason'] !== 'NewReplicaSetAvailable' || status['replicas'] !== status['updatedReplicas']) {
    conditions = judged(deployment, sets.newSet, status, conditions, { current, deadline, now });
  }
  const failure = failureOf(sets);
  conditions =
    failure === undefined ? withoutCondition(conditions, FAILURE) : withDeploymentCondition(conditions, failure, now);
  return { ...status, conditions };
}

function judged(
  deployment: KubeObject,
  newSet: KubeObject | undefined,
  status: JsonObject,
  conditions: readonly JsonObject[],
  { current, deadline, now }: { current: JsonObject | undefined; deadline: number; now: number },
): JsonObject[] {
  const { name } = deployment.metadata;
  const subject = newSet === undefined ? `Deployment "${name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const done = progressing('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`);
    return withDeploymentCondition(conditions, done, now);
  }
  if (madeProgress(objectAt(deployment, 'status'), status)) {
    const on = progressing('True', 'ReplicaSetUpdated', `${subject} is progressing.`);
    const since = current?.['status'] === 'True' ? { lastTransitionTime: current['lastTransitionTime'] ?? '' } : {};
    const [fresh = {}] = withDeploymentCondition([], on, now);
    return [...withoutCondition(conditions, PROGRESSING), { ...fresh, ...since }];
  }
  if (!isOverdue(current, deadline, now)) return [...conditions];
  const late = progressing('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`);
  return withDeploymentCondition(conditions, late, now);
}

function isOverdue(current: JsonObject | undefined, deadline: number, now: number): boolean {
  if (current === undefined || current['reason'] === 'NewReplicaSetAvailable') return false;
  if (current['reason'] === 'ProgressDeadlineExceeded') return true;
  return Date.parse(stringAt(current, 'lastUpdateTime') ?? '') + deadline < now;
}

/** When to look whether a rollout that does not go on is overdue. */
export function overdueIn(deployment: KubeObject, status: JsonObject, now: number): number | undefined {
  const current = findCondition(conditionsOf(deployment), PROGRESSING);
  const deadline = progressDeadline(deployment);
  if (deadline === undefined || current === undefined || isComplete(deployment, status)) return undefined;
  if (current['reason'] === 'ProgressDeadlineExceeded') return undefined;
  // A second later: times in the status have no fractions.
  return Date.parse(stringAt(current, 'lastUpdateTime') ?? '') + deadline - now + 1_000;
}

/** What hinders one of the sets; the new one before the others. */
function failureOf({ all, newSet }: Sets): Condition | undefined {
  const ordered = newSet === undefined ? all : [newSet, ...all];
  const found = ordered.map((set) => findCondition(conditionsOf(set), FAILURE)).find((c) => c !== undefined);
  if (found === undefined) return undefined;
  const text = (key: string): string => stringAt(found, key) ?? '';
  return { type: FAILURE, status: 'True', reason: text('reason'), message: text('message') };
}
