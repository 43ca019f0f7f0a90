import {
  boolean,
  fields,
  int32,
  int64,
  intOrString,
  list,
  listBy,
  map,
  quantity,
  string,
  strings,
  struct,
  time,
} from './dsl.ts';
import { condition, labelSelector, objectFields } from './meta.ts';

const POLICY = 'io.k8s.api.policy.v1';
const CORE = 'io.k8s.api.core.v1';

export const podDisruptionBudget = struct(`${POLICY}.PodDisruptionBudget`, {
  ...objectFields,
  spec: struct(`${POLICY}.PodDisruptionBudgetSpec`, {
    ...fields(intOrString, 'minAvailable', 'maxUnavailable'),
    selector: labelSelector,
    unhealthyPodEvictionPolicy: string,
  }),
  status: struct(`${POLICY}.PodDisruptionBudgetStatus`, {
    ...fields(int32, 'currentHealthy', 'desiredHealthy', 'disruptionsAllowed', 'expectedPods'),
    observedGeneration: int64,
    disruptedPods: map(time),
    conditions: listBy('type', condition),
  }),
});

export const priorityClass = struct(
  'io.k8s.api.scheduling.v1.PriorityClass',
  { ...objectFields, value: int32, globalDefault: boolean, ...fields(string, 'description', 'preemptionPolicy') },
  { required: ['value'] },
);

export const resourceQuota = struct(`${CORE}.ResourceQuota`, {
  ...objectFields,
  spec: struct(`${CORE}.ResourceQuotaSpec`, {
    hard: map(quantity),
    scopes: strings,
    scopeSelector: struct(
      `${CORE}.ScopeSelector`,
      {
        matchExpressions: list(
          struct(`${CORE}.ScopedResourceSelectorRequirement`, {
            ...fields(string, 'scopeName', 'operator'),
            values: strings,
          }),
        ),
      },
      { atomic: true },
    ),
  }),
  status: struct(`${CORE}.ResourceQuotaStatus`, fields(map(quantity), 'hard', 'used')),
});

export const limitRange = struct(`${CORE}.LimitRange`, {
  ...objectFields,
  spec: struct(
    `${CORE}.LimitRangeSpec`,
    {
      limits: list(
        struct(
          `${CORE}.LimitRangeItem`,
          {
            type: string,
            ...fields(map(quantity), 'max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'),
          },
          { required: ['type'] },
        ),
      ),
    },
    { required: ['limits'] },
  ),
});
