import { type JsonObject, type KubeObject, listAt, stringAt, timestamp } from '../../apiserver/index.ts';

export type Condition = {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
};

export function conditionsOf(object: KubeObject): JsonObject[] {
  return listAt(object, 'status', 'conditions') as JsonObject[];
}

export function findCondition(conditions: readonly JsonObject[], type: string): JsonObject | undefined {
  return conditions.find((condition) => stringAt(condition, 'type') === type);
}

/**
 * With this condition in place of the one of its type, unless that says the same for the same reason; the time of the
 * transition is that of the status.
 */
export function withCondition(
  conditions: readonly JsonObject[],
  condition: Condition,
  now: number,
  more: JsonObject = {},
): JsonObject[] {
  const known = findCondition(conditions, condition.type);
  if (known?.['status'] === condition.status && known['reason'] === condition.reason) return [...conditions];
  const kept = known?.['status'] === condition.status ? known['lastTransitionTime'] : undefined;
  const next: JsonObject = { ...condition, ...more, lastTransitionTime: kept ?? timestamp(now) };
  return [...withoutCondition(conditions, condition.type), next];
}

export function withoutCondition(conditions: readonly JsonObject[], type: string): JsonObject[] {
  return conditions.filter((condition) => stringAt(condition, 'type') !== type);
}
