import { at } from '../../../base/index.ts';
import {
  type ApiStore,
  type JsonObject,
  type KubeObject,
  numberAt,
  objectAt,
  stringAt,
  timestamp,
} from '../../apiserver/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import { claim } from '../kit/claim.ts';
import { type Condition, conditionsOf, findCondition, withCondition } from '../kit/conditions.ts';
import type { ControllerContext } from '../kit/context.ts';
import type { PodControl } from '../kit/pod-control.ts';
import { isActive, isFinished, isReady } from '../kit/pods.ts';
import { writeStatus } from '../kit/status.ts';
import { podsToDelete } from '../replica-sets/pods-to-delete.ts';
import { hasFailed, hasSucceeded, restartsSoFar, retryIn } from './attempts.ts';
import { formatIndexes, freeIndexes, indexOf, parseIndexes, setIndex } from './indexes.ts';

/** A pod that has it was not counted yet; it stays until it was. */
export const TRACKING = 'batch.kubernetes.io/job-tracking';

export type JobRoundOptions = {
  readonly context: ControllerContext;
  readonly events: EventRecorder;
  readonly pods: PodControl;
  readonly job: KubeObject;
};

/** The pod without the mark that it is to be counted. */
export function untracked(pod: KubeObject): KubeObject {
  const next = structuredClone(pod);
  const left = (next.metadata.finalizers ?? []).filter((finalizer) => finalizer !== TRACKING);
  if (left.length > 0) next.metadata.finalizers = left;
  else delete next.metadata.finalizers;
  return next;
}

/** One look at one job. */
export class JobRound {
  readonly #options: JobRoundOptions;
  readonly #store: ApiStore;
  readonly #now: number;
  readonly #status: JsonObject;
  #job: KubeObject;
  #conditions: JsonObject[];

  constructor(options: JobRoundOptions) {
    this.#options = options;
    this.#store = options.context.store;
    this.#now = options.context.clock.now();
    this.#job = options.job;
    this.#status = structuredClone(objectAt(options.job, 'status') ?? {});
    this.#conditions = conditionsOf(options.job);
  }

  /** In how many ms to look again although nothing changed. */
  run(): number | undefined {
    if (this.#is('Complete') || this.#is('Failed')) {
      this.#count();
      return this.#outlive();
    }
    if (this.#job.metadata.deletionTimestamp !== undefined) return undefined;
    this.#count();
    this.#followSuspension();
    this.#judge();
    const again = this.#isDecided ? this.#end() : this.#bringOn();
    this.#write();
    return again;
  }

  #is(type: string): boolean {
    return findCondition(this.#conditions, type)?.['status'] === 'True';
  }

  /** It succeeded or failed, and what still runs of it is being ended. */
  get #isDecided(): boolean {
    return this.#is('SuccessCriteriaMet') || this.#is('FailureTarget');
  }

  get #isSuspended(): boolean {
    return at(this.#job, 'spec', 'suspend') === true;
  }

  #spec(key: string): number | undefined {
    return numberAt(this.#job, 'spec', key);
  }

  get #isIndexed(): boolean {
    return stringAt(this.#job, 'spec', 'completionMode') === 'Indexed';
  }

  get #completed(): Set<number> {
    return parseIndexes(stringAt(this.#status, 'completedIndexes') ?? '');
  }

  #counted(key: 'succeeded' | 'failed'): number {
    return numberAt(this.#status, key) ?? 0;
  }

  get #pods(): KubeObject[] {
    const selector = objectAt(this.#job, 'spec', 'selector');
    return claim({ store: this.#store, owner: this.#job, resource: 'pods', selector });
  }

  #set(condition: Condition): void {
    this.#conditions = withCondition(this.#conditions, condition, this.#now, { lastProbeTime: timestamp(this.#now) });
  }

  /** Each pod that has ended, once; then it may be deleted. */
  #count(): void {
    const ended = this.#pods
      .filter(({ metadata }) => metadata.finalizers?.includes(TRACKING) === true)
      .filter((pod) => hasSucceeded(pod) || hasFailed(pod));
    if (ended.length === 0) return;
    const succeeded = ended.filter(hasSucceeded);
    if (this.#isIndexed) {
      const done = new Set([...this.#completed, ...succeeded.flatMap((pod) => indexOf(pod) ?? [])]);
      if (done.size > 0) this.#status['completedIndexes'] = formatIndexes(done);
      // Two that have done the same work count as one.
      this.#status['succeeded'] = done.size;
    } else this.#status['succeeded'] = this.#counted('succeeded') + succeeded.length;
    this.#status['failed'] = this.#counted('failed') + ended.filter((pod) => !hasSucceeded(pod)).length;
    this.#write();
    for (const pod of ended) this.#release(pod);
  }

  #release(pod: KubeObject): KubeObject {
    return this.#store.update('pods', untracked(pod));
  }

  #followSuspension(): void {
    if (this.#isSuspended && !this.#is('Suspended')) {
      this.#set({ type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' });
      this.#say('Normal', 'Suspended', 'Job suspended');
      delete this.#status['startTime'];
    } else if (!this.#isSuspended && this.#is('Suspended')) {
      this.#set({ type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' });
      this.#say('Normal', 'Resumed', 'Job resumed');
    }
    if (!this.#isSuspended) this.#status['startTime'] ??= timestamp(this.#now);
  }

  #judge(): void {
    if (this.#isDecided) return;
    const limit = this.#spec('backoffLimit') ?? 0;
    const restarts = stringAt(this.#job, 'spec', 'template', 'spec', 'restartPolicy') === 'OnFailure';
    const isTooOften = restarts && (limit === 0 ? restartsSoFar(this.#pods) > 0 : restartsSoFar(this.#pods) >= limit);
    if (this.#counted('failed') > limit || isTooOften) {
      this.#fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
    } else if ((this.#deadlineIn ?? 1) <= 0) {
      this.#fail('DeadlineExceeded', 'Job was active longer than specified deadline');
    } else if (this.#hasSucceeded()) {
      const message = 'Reached expected number of succeeded pods';
      this.#set({ type: 'SuccessCriteriaMet', status: 'True', reason: 'CompletionsReached', message });
    }
  }

  #fail(reason: string, message: string): void {
    this.#set({ type: 'FailureTarget', status: 'True', reason, message });
  }

  #hasSucceeded(): boolean {
    const wanted = this.#spec('completions');
    if (wanted !== undefined) return this.#counted('succeeded') >= wanted;
    return this.#counted('succeeded') > 0 && this.#pods.filter(isActive).length === 0;
  }

  get #deadlineIn(): number | undefined {
    const seconds = this.#spec('activeDeadlineSeconds');
    const start = stringAt(this.#status, 'startTime');
    if (seconds === undefined || start === undefined || this.#isSuspended) return undefined;
    return Date.parse(start) + seconds * 1_000 - this.#now;
  }

  /** What still runs is ended first; then the job is over. */
  #end(): undefined {
    for (const pod of this.#pods.filter(isActive)) this.#options.pods.delete(this.#job, pod);
    this.#count();
    if (this.#pods.some((pod) => !isFinished(pod))) return;
    const failed = findCondition(this.#conditions, 'FailureTarget');
    const text = (key: string): string => stringAt(failed, key) ?? '';
    if (failed !== undefined) {
      this.#set({ type: 'Failed', status: 'True', reason: text('reason'), message: text('message') });
      this.#say('Warning', text('reason'), text('message'));
    } else {
      const message = 'Reached expected number of succeeded pods';
      this.#set({ type: 'Complete', status: 'True', reason: 'CompletionsReached', message });
      this.#status['completionTime'] = timestamp(this.#now);
      this.#say('Normal', 'Completed', 'Job completed');
    }
  }

  #bringOn(): number | undefined {
    const pods = this.#pods;
    const active = pods.filter(isActive);
    const wanted = this.#isSuspended ? 0 : this.#wantedActive(active.length);
    if (active.length > wanted) {
      // Of those that are too many nobody says that they failed: they are let go uncounted.
      for (const pod of podsToDelete(active, active, active.length - wanted, this.#now)) {
        this.#options.pods.delete(this.#job, this.#release(pod));
      }
    }
    // One that replaces only what has ended waits for those that are on their way out.
    const replacesEnded = stringAt(this.#job, 'spec', 'podReplacementPolicy') === 'Failed';
    const leaving = replacesEnded ? pods.filter((pod) => !isActive(pod) && !isFinished(pod)).length : 0;
    const missing = wanted - active.length - leaving;
    const delay = retryIn(pods, this.#now);
    if (missing > 0 && delay <= 0) this.#createPods(active, missing);
    const waits = [this.#deadlineIn, missing > 0 && delay > 0 ? delay : undefined].filter((ms) => ms !== undefined);
    return waits.length === 0 ? undefined : Math.min(...waits);
  }

  #wantedActive(active: number): number {
    const parallelism = this.#spec('parallelism') ?? 0;
    const completions = this.#spec('completions');
    if (completions !== undefined) return Math.min(completions - this.#counted('succeeded'), parallelism);
    // Once one has found that there is no work left, no other is started.
    return this.#counted('succeeded') > 0 ? Math.min(active, parallelism) : parallelism;
  }

  #createPods(active: readonly KubeObject[], count: number): void {
    if (this.#isIndexed) {
      const taken = new Set([...this.#completed, ...active.flatMap((pod) => indexOf(pod) ?? [])]);
      for (const index of freeIndexes(this.#spec('completions') ?? 0, taken, count)) this.#createPod(index);
    } else for (let made = 0; made < count; made += 1) this.#createPod();
  }

  #createPod(index?: number): void {
    const change = (pod: JsonObject): void => {
      const metadata = objectAt(pod, 'metadata');
      if (metadata !== undefined) metadata['finalizers'] = [TRACKING];
      if (index !== undefined) setIndex(pod, this.#job.metadata.name, index);
    };
    this.#options.pods.create(this.#job, objectAt(this.#job, 'spec', 'template'), { change });
  }

  /** One that is over goes by itself, if it says so. */
  #outlive(): number | undefined {
    const ttl = this.#spec('ttlSecondsAfterFinished');
    const { namespace, name, uid, deletionTimestamp } = this.#job.metadata;
    if (ttl === undefined || deletionTimestamp !== undefined) return undefined;
    const last = findCondition(this.#conditions, this.#is('Complete') ? 'Complete' : 'Failed');
    const left = Date.parse(stringAt(last, 'lastTransitionTime') ?? '') + ttl * 1_000 - this.#now;
    if (left > 0) return left;
    const options = { propagationPolicy: 'Foreground', preconditions: { uid } } as const;
    this.#store.delete('jobs', { namespace, name }, options);
    return undefined;
  }

  #write(): void {
    const pods = this.#pods;
    const active = pods.filter(isActive);
    const status = {
      ...this.#status,
      conditions: this.#conditions,
      active: active.length,
      ready: active.filter(isReady).length,
      terminating: pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isFinished(pod)).length,
    };
    this.#job = writeStatus(this.#store, 'jobs', this.#job, status, ['ready', 'terminating']);
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#options.events.about(this.#job, type, reason, message);
  }
}
