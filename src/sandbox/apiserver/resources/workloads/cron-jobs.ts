import { dnsSubdomainFaults, type FieldError, invalid, notSupported, required } from '../../../../model/index.ts';
import { at, ensureObject, isObject, listAt, objectAt, setDefault, stringAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, column, fieldColumn, nameColumn } from '../../print/columns.ts';
import { age } from '../../print/duration.ts';
import { containerColumns } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { cronSchedule, isTimeZone } from '../../schedule/cron-schedule.ts';
import { cronJob } from '../../schema/batch.ts';
import { notNegative } from '../../validate/numbers.ts';
import { setPodSpecDefaults } from '../pod-defaults.ts';
import { clearStatus } from './pod-template.ts';

const POLICIES = ['Allow', 'Forbid', 'Replace'];
const RESTARTS = ['OnFailure', 'Never'];
/** Its jobs' names are eleven characters longer. */
const MAX_NAME = 52;
const POD_SPEC = ['spec', 'jobTemplate', 'spec', 'template', 'spec'];

function setDefaults(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  setDefault(spec, 'concurrencyPolicy', 'Allow');
  setDefault(spec, 'suspend', false);
  setDefault(spec, 'successfulJobsHistoryLimit', 3);
  setDefault(spec, 'failedJobsHistoryLimit', 1);
  const podSpec = objectAt(object, ...POD_SPEC);
  if (podSpec !== undefined) setPodSpecDefaults(podSpec);
}

function validateSchedule(object: KubeObject): FieldError[] {
  const schedule = stringAt(object, 'spec', 'schedule') ?? '';
  const zone = stringAt(object, 'spec', 'timeZone');
  if (schedule === '') return [required('spec.schedule')];
  const errors: FieldError[] = [];
  if (/TZ/.test(schedule)) {
    return [invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')];
  }
  if (zone !== undefined && (zone.toLowerCase() === 'local' || !isTimeZone(zone))) {
    errors.push(invalid('spec.timeZone', zone, `unknown time zone ${zone}`));
  }
  try {
    cronSchedule(schedule);
  } catch (error) {
    errors.push(invalid('spec.schedule', schedule, (error as Error).message));
  }
  return errors;
}

function validate(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const policy = stringAt(spec, 'concurrencyPolicy') ?? '';
  const restart = stringAt(object, ...POD_SPEC, 'restartPolicy') ?? '';
  return [
    ...(object.metadata.name.length > MAX_NAME
      ? [invalid('metadata.name', object.metadata.name, `must be no more than ${MAX_NAME} characters`)]
      : []),
    ...validateSchedule(object),
    ...(POLICIES.includes(policy) ? [] : [notSupported('spec.concurrencyPolicy', policy, POLICIES)]),
    ...notNegative(spec, 'spec', 'startingDeadlineSeconds', 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit'),
    ...(RESTARTS.includes(restart)
      ? []
      : [notSupported('spec.jobTemplate.spec.template.spec.restartPolicy', restart, RESTARTS)]),
    ...(listAt(object, ...POD_SPEC, 'containers').length === 0
      ? [required('spec.jobTemplate.spec.template.spec.containers')]
      : []),
  ];
}

export const cronJobs: ResourceDefinition = {
  group: 'batch',
  version: 'v1',
  resource: 'cronjobs',
  singular: 'cronjob',
  kind: 'CronJob',
  namespaced: true,
  shortNames: ['cj'],
  categories: ['all'],
  schema: cronJob,
  status: true,
  generation: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    fieldColumn('Schedule', ['spec', 'schedule']),
    fieldColumn('Timezone', ['spec', 'timeZone']),
    column('Suspend', (object) => (at(object, 'spec', 'suspend') === true ? 'True' : 'False')),
    column('Active', (object) => listAt(object, 'status', 'active').filter(isObject).length, { type: 'integer' }),
    column('Last Schedule', (object, now) => {
      const last = stringAt(object, 'status', 'lastScheduleTime');
      return last === undefined ? '<none>' : age(last, now);
    }),
    ageColumn,
    ...containerColumns(POD_SPEC),
  ],
  setDefaults,
  prepareCreate: clearStatus(),
  validate,
};
