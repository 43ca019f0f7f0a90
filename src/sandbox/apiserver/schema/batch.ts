import { podTemplateSpec } from './apps.ts';
import { objectReference } from './core.ts';
import { any, boolean, fields, int32, int64, list, listBy, string, strings, struct, time } from './dsl.ts';
import { labelSelector, objectFields, objectMeta } from './meta.ts';

const BATCH = 'io.k8s.api.batch.v1';

const jobSpec = struct(
  `${BATCH}.JobSpec`,
  {
    ...fields(int32, 'parallelism', 'completions', 'backoffLimit', 'backoffLimitPerIndex', 'maxFailedIndexes'),
    ...fields(int32, 'ttlSecondsAfterFinished'),
    activeDeadlineSeconds: int64,
    ...fields(boolean, 'manualSelector', 'suspend'),
    ...fields(string, 'completionMode', 'podReplacementPolicy', 'managedBy'),
    selector: labelSelector,
    template: podTemplateSpec,
    ...fields(any, 'podFailurePolicy', 'successPolicy'),
  },
  { required: ['template'] },
);

export const job = struct(`${BATCH}.Job`, {
  ...objectFields,
  spec: jobSpec,
  status: struct(`${BATCH}.JobStatus`, {
    ...fields(int32, 'active', 'succeeded', 'failed', 'terminating', 'ready'),
    ...fields(time, 'startTime', 'completionTime'),
    ...fields(string, 'completedIndexes', 'failedIndexes'),
    uncountedTerminatedPods: struct(`${BATCH}.UncountedTerminatedPods`, fields(strings, 'succeeded', 'failed')),
    conditions: listBy(
      'type',
      struct(`${BATCH}.JobCondition`, {
        ...fields(string, 'type', 'status', 'reason', 'message'),
        ...fields(time, 'lastProbeTime', 'lastTransitionTime'),
      }),
    ),
  }),
});

export const cronJob = struct(`${BATCH}.CronJob`, {
  ...objectFields,
  spec: struct(
    `${BATCH}.CronJobSpec`,
    {
      ...fields(string, 'schedule', 'timeZone', 'concurrencyPolicy'),
      startingDeadlineSeconds: int64,
      suspend: boolean,
      ...fields(int32, 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit'),
      jobTemplate: struct(`${BATCH}.JobTemplateSpec`, { metadata: objectMeta, spec: jobSpec }),
    },
    { required: ['schedule', 'jobTemplate'] },
  ),
  status: struct(`${BATCH}.CronJobStatus`, {
    active: list(objectReference),
    ...fields(time, 'lastScheduleTime', 'lastSuccessfulTime'),
  }),
});
