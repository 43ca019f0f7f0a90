import { at } from '../../../base/index.ts';
import {
  cronSchedule,
  isApiError,
  type JsonObject,
  type KubeObject,
  listAt,
  numberAt,
  objectAt,
  stringAt,
  stringMapAt,
  timestamp,
} from '../../apiserver/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import { conditionsOf } from '../kit/conditions.ts';
import type { ControllerContext } from '../kit/context.ts';
import { controllerOf, controllerReference } from '../kit/owner.ts';
import { writeStatus } from '../kit/status.ts';

/** Where a job keeps for when it was meant. */
const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

export type CronJobRoundOptions = {
  readonly context: ControllerContext;
  readonly events: EventRecorder;
  readonly cronJob: KubeObject;
};

/** One look at one cron job. */
export class CronJobRound {
  readonly #options: CronJobRoundOptions;
  readonly #cronJob: KubeObject;
  readonly #now: number;
  readonly #status: JsonObject;

  constructor(options: CronJobRoundOptions) {
    this.#options = options;
    this.#cronJob = options.cronJob;
    this.#now = options.context.clock.now();
    this.#status = structuredClone(objectAt(options.cronJob, 'status') ?? {});
  }

  /** In how many ms to look again although nothing changed. */
  run(): number | undefined {
    this.#follow();
    this.#forget('Complete', this.#spec('successfulJobsHistoryLimit'));
    this.#forget('Failed', this.#spec('failedJobsHistoryLimit'));
    const again =
      this.#cronJob.metadata.deletionTimestamp !== undefined || at(this.#cronJob, 'spec', 'suspend') === true
        ? undefined
        : this.#start();
    writeStatus(this.#options.context.store, 'cronjobs', this.#cronJob, this.#status);
    return again;
  }

  #spec(key: string): number | undefined {
    return numberAt(this.#cronJob, 'spec', key);
  }

  get #jobs(): KubeObject[] {
    const { namespace, uid } = this.#cronJob.metadata;
    return this.#options.context.store
      .list('jobs', { namespace })
      .items.filter((job) => controllerOf(job)?.uid === uid);
  }

  get #active(): JsonObject[] {
    return listAt(this.#status, 'active') as JsonObject[];
  }

  /** Jobs that have ended, or are gone, are active no more; one that is meant to be ours and is not listed, is. */
  #follow(): void {
    const jobs = new Map(this.#jobs.map((job) => [job.metadata.uid, job]));
    for (const reference of this.#active) {
      const job = jobs.get(stringAt(reference, 'uid'));
      if (job === undefined) {
        this.#say('Normal', 'MissingJob', `Active job went missing: ${stringAt(reference, 'name') ?? ''}`);
        this.#drop(reference);
        continue;
      }
      const end = endOf(job);
      if (end === undefined) continue;
      this.#drop(reference);
      this.#say('Normal', 'SawCompletedJob', `Saw completed job: ${job.metadata.name}, condition: ${end}`);
      if (end === 'Complete') this.#succeeded(stringAt(job, 'status', 'completionTime'));
    }
    const known = new Set(this.#active.map((reference) => reference['uid']));
    for (const job of jobs.values()) {
      if (endOf(job) === undefined && !known.has(job.metadata.uid ?? '')) {
        this.#status['active'] = [...this.#active, referenceOf(job)];
      }
    }
  }

  #succeeded(time: string | undefined): void {
    const last = stringAt(this.#status, 'lastSuccessfulTime');
    if (time !== undefined && (last === undefined || last < time)) this.#status['lastSuccessfulTime'] = time;
  }

  #drop(reference: JsonObject): void {
    this.#status['active'] = this.#active.filter(({ uid }) => uid !== reference['uid']);
  }

  /** Of those that ended so, all but the youngest go. */
  #forget(end: 'Complete' | 'Failed', kept: number | undefined): void {
    if (kept === undefined) return;
    const ended = this.#jobs.filter((job) => endOf(job) === end).toSorted((a, b) => startOf(a) - startOf(b));
    for (const job of ended.slice(0, Math.max(0, ended.length - kept))) this.#delete(job);
  }

  #start(): number | undefined {
    const zone = stringAt(this.#cronJob, 'spec', 'timeZone');
    const schedule = cronSchedule(stringAt(this.#cronJob, 'spec', 'schedule') ?? '', zone);
    const next = schedule.next(this.#now);
    const again = next === undefined ? undefined : next - this.#now;
    const deadline = this.#spec('startingDeadlineSeconds');
    const last = stringAt(this.#status, 'lastScheduleTime') ?? this.#cronJob.metadata.creationTimestamp ?? '';
    const earliest = Math.max(Date.parse(last), deadline === undefined ? 0 : this.#now - deadline * 1_000);
    const due = schedule.latest(earliest, this.#now);
    if (due === undefined) return again;
    const policy = stringAt(this.#cronJob, 'spec', 'concurrencyPolicy');
    if (policy === 'Forbid' && this.#active.length > 0) {
      const why = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      this.#say('Normal', 'JobAlreadyActive', why);
      return again;
    }
    if (policy === 'Replace') {
      const active = new Set(this.#active.map(({ uid }) => uid));
      for (const job of this.#jobs.filter(({ metadata: { uid } }) => active.has(uid))) this.#delete(job);
      this.#status['active'] = [];
    }
    this.#create(due);
    return again;
  }

  #create(due: number): void {
    const { store } = this.#options.context;
    const { name, namespace = '' } = this.#cronJob.metadata;
    const template = objectAt(this.#cronJob, 'spec', 'jobTemplate');
    // Whoever looks twice at one time makes one job.
    const jobName = `${name}-${Math.floor(due / 60_000)}`;
    const metadata = {
      name: jobName,
      namespace,
      labels: stringMapAt(template, 'metadata', 'labels'),
      annotations: { ...stringMapAt(template, 'metadata', 'annotations'), [SCHEDULED]: timestamp(due) },
      ownerReferences: [controllerReference(this.#cronJob)],
    };
    try {
      const job = store.create('jobs', { metadata, spec: structuredClone(objectAt(template, 'spec') ?? {}) });
      this.#say('Normal', 'SuccessfulCreate', `Created job ${jobName}`);
      this.#status['active'] = [...this.#active, referenceOf(job)];
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) {
        this.#say('Warning', 'FailedCreate', `Error creating job: ${(error as Error).message}`);
        throw error;
      }
    }
    this.#status['lastScheduleTime'] = timestamp(due);
  }

  #delete(job: KubeObject): void {
    const { namespace, name } = job.metadata;
    this.#options.context.store.delete('jobs', { namespace, name }, { propagationPolicy: 'Background' });
    this.#say('Normal', 'SuccessfulDelete', `Deleted job ${name}`);
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#options.events.about(this.#cronJob, type, reason, message);
  }
}

function endOf(job: KubeObject): 'Complete' | 'Failed' | undefined {
  const type = conditionsOf(job).find(
    (condition) =>
      condition['status'] === 'True' && (condition['type'] === 'Complete' || condition['type'] === 'Failed'),
  )?.['type'];
  return type as 'Complete' | 'Failed' | undefined;
}

const startOf = (job: KubeObject): number =>
  Date.parse(stringAt(job, 'status', 'startTime') ?? job.metadata.creationTimestamp ?? '');

function referenceOf({
  apiVersion,
  kind,
  metadata: { namespace = '', name, uid = '', resourceVersion = '' },
}: KubeObject): JsonObject {
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}
