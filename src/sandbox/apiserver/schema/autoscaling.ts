import { any, fields, int32, int64, list, listBy, type StructSchema, string, struct, time } from './dsl.ts';
import { objectFields } from './meta.ts';

const AUTOSCALING = 'io.k8s.api.autoscaling.v1';

/** What `/scale` of a workload answers and takes. */
export const scale = struct(`${AUTOSCALING}.Scale`, {
  ...objectFields,
  spec: struct(`${AUTOSCALING}.ScaleSpec`, { replicas: int32 }),
  status: struct(`${AUTOSCALING}.ScaleStatus`, { replicas: int32, selector: string }, { required: ['replicas'] }),
});

const crossVersionReference = (version: string): StructSchema =>
  struct(
    `io.k8s.api.autoscaling.${version}.CrossVersionObjectReference`,
    fields(string, 'kind', 'name', 'apiVersion'),
    { required: ['kind', 'name'], atomic: true },
  );

export const horizontalPodAutoscalerV1 = struct(`${AUTOSCALING}.HorizontalPodAutoscaler`, {
  ...objectFields,
  spec: struct(
    `${AUTOSCALING}.HorizontalPodAutoscalerSpec`,
    {
      scaleTargetRef: crossVersionReference('v1'),
      ...fields(int32, 'minReplicas', 'maxReplicas', 'targetCPUUtilizationPercentage'),
    },
    { required: ['scaleTargetRef', 'maxReplicas'] },
  ),
  status: struct(`${AUTOSCALING}.HorizontalPodAutoscalerStatus`, {
    observedGeneration: int64,
    lastScaleTime: time,
    ...fields(int32, 'currentReplicas', 'desiredReplicas', 'currentCPUUtilizationPercentage'),
  }),
});

const V2 = 'io.k8s.api.autoscaling.v2';

const rules = struct(`${V2}.HPAScalingRules`, {
  stabilizationWindowSeconds: int32,
  selectPolicy: string,
  tolerance: any,
  policies: list(
    struct(
      `${V2}.HPAScalingPolicy`,
      { type: string, ...fields(int32, 'value', 'periodSeconds') },
      { required: ['type', 'value', 'periodSeconds'] },
    ),
  ),
});

export const horizontalPodAutoscaler = struct(`${V2}.HorizontalPodAutoscaler`, {
  ...objectFields,
  spec: struct(
    `${V2}.HorizontalPodAutoscalerSpec`,
    {
      scaleTargetRef: crossVersionReference('v2'),
      ...fields(int32, 'minReplicas', 'maxReplicas'),
      metrics: list(
        struct(
          `${V2}.MetricSpec`,
          { type: string, ...fields(any, 'object', 'pods', 'resource', 'containerResource', 'external') },
          { required: ['type'] },
        ),
      ),
      behavior: struct(`${V2}.HorizontalPodAutoscalerBehavior`, fields(rules, 'scaleUp', 'scaleDown')),
    },
    { required: ['scaleTargetRef', 'maxReplicas'] },
  ),
  status: struct(`${V2}.HorizontalPodAutoscalerStatus`, {
    observedGeneration: int64,
    lastScaleTime: time,
    ...fields(int32, 'currentReplicas', 'desiredReplicas'),
    currentMetrics: list(any),
    conditions: listBy(
      'type',
      struct(`${V2}.HorizontalPodAutoscalerCondition`, {
        ...fields(string, 'type', 'status', 'reason', 'message'),
        lastTransitionTime: time,
      }),
    ),
  }),
});
