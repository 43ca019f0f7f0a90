import { at } from '../../../base/index.ts';
import { type ApiStore, type KubeObject, numberAt } from '../../apiserver/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import { conditionsOf, findCondition } from '../kit/conditions.ts';
import type { ControllerContext } from '../kit/context.ts';
import { controllerOf } from '../kit/owner.ts';
import { isFinished } from '../kit/pods.ts';
import { writeStatus } from '../kit/status.ts';
import { countedStatus, isComplete, overdueIn, PROGRESSING, progressing, rolloutStatus } from './progress.ts';
import { proportionalSizes } from './proportions.ts';
import { ReplicaSets } from './replica-sets.ts';
import { desiredReplicasOf, maxReplicasOf, revisionOf } from './revisions.ts';
import { byAge, newSetSize, shrinkOldSets } from './rolling-update.ts';
import { actualOf, availableOf, historyLimit, isRolling, progressDeadline, sum, wantedOf } from './spec.ts';

/** One look at one deployment: the next step of whatever it is in the middle of, and its status. */
export class Rollout {
  readonly #store: ApiStore;
  readonly #now: number;
  readonly #sets: ReplicaSets;

  constructor(context: ControllerContext, events: EventRecorder, deployment: KubeObject) {
    this.#store = context.store;
    this.#now = context.clock.now();
    this.#sets = new ReplicaSets({ store: context.store, events, now: this.#now, deployment });
  }

  get #deployment(): KubeObject {
    return this.#sets.deployment;
  }

  /** In how many ms the rollout is overdue. */
  run(): number | undefined {
    if (this.#deployment.metadata.deletionTimestamp !== undefined) return this.#writeCounts();
    this.#tellPause();
    if (this.#isPaused || this.#isScaling()) return this.#scale();
    return isRolling(this.#deployment) ? this.#roll() : this.#recreate();
  }

  get #isPaused(): boolean {
    return at(this.#deployment, 'spec', 'paused') === true;
  }

  /** A pause stops the clock of the deadline. */
  #tellPause(): void {
    const current = findCondition(conditionsOf(this.#deployment), PROGRESSING)?.['reason'];
    if (progressDeadline(this.#deployment) === undefined || current === 'ProgressDeadlineExceeded') return;
    if (this.#isPaused && current !== 'DeploymentPaused') {
      this.#sets.setCondition(progressing('Unknown', 'DeploymentPaused', 'Deployment is paused'));
    } else if (!this.#isPaused && current === 'DeploymentPaused') {
      this.#sets.setCondition(progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed'));
    }
  }

  /** The number was changed since the sets were last sized. */
  #isScaling(): boolean {
    this.#sets.syncRevision();
    return this.#sets.all
      .filter((set) => wantedOf(set) > 0)
      .some((set) => (desiredReplicasOf(set) ?? wantedOf(this.#deployment)) !== wantedOf(this.#deployment));
  }

  #scale(): undefined {
    this.#resizeAll();
    if (this.#isPaused) this.#forgetOldSets();
    return this.#writeCounts();
  }

  #resizeAll(): void {
    const wanted = wantedOf(this.#deployment);
    const { all, newSet, oldSets } = this.#sets;
    const active = all.filter((set) => wantedOf(set) > 0);
    const newest = newSet ?? oldSets.toSorted(byAge).at(-1);
    const only = active.length === 0 ? newest : active.length === 1 ? active[0] : undefined;
    if (only !== undefined) {
      this.#sets.resize(only, wanted);
      return;
    }
    if (newSet !== undefined && this.#isSaturated(newSet)) {
      for (const set of oldSets) this.#sets.resize(set, 0);
    } else if (isRolling(this.#deployment)) {
      for (const { set, size } of proportionalSizes(this.#deployment, active, maxReplicasOf)) {
        this.#sets.resize(set, size);
      }
    }
  }

  #isSaturated(set: KubeObject): boolean {
    const wanted = wantedOf(this.#deployment);
    return desiredReplicasOf(set) === wanted && wantedOf(set) === wanted && availableOf(set) === wanted;
  }

  #roll(): number | undefined {
    const newSet = this.#sets.makeNewSet();
    const size = newSetSize(this.#deployment, this.#sets.all, wantedOf(newSet));
    if (size !== wantedOf(newSet)) this.#sets.resize(newSet, size);
    else {
      const active = this.#sets.oldSets.filter((set) => wantedOf(set) > 0);
      const shrinking = shrinkOldSets(this.#deployment, active, newSet);
      for (const { set, size: smaller } of shrinking) this.#sets.resize(set, smaller);
      if (shrinking.length === 0) this.#forgetOldSets();
    }
    return this.#writeProgress();
  }

  #recreate(): number | undefined {
    this.#sets.syncRevision();
    const active = this.#sets.oldSets.filter((set) => wantedOf(set) > 0);
    for (const set of active) this.#sets.resize(set, 0);
    if (active.length === 0 && !this.#oldPodsRun()) {
      const newSet = this.#sets.makeNewSet();
      this.#sets.resize(newSet, wantedOf(this.#deployment));
      this.#forgetOldSets();
    }
    return this.#writeProgress();
  }

  #oldPodsRun(): boolean {
    const { oldSets } = this.#sets;
    if (sum(oldSets, actualOf) > 0) return true;
    const uids = new Set<unknown>(oldSets.map((set) => set.metadata.uid));
    const { namespace } = this.#deployment.metadata;
    return this.#store
      .list('pods', { namespace })
      .items.some((pod) => uids.has(controllerOf(pod)?.uid) && !isFinished(pod));
  }

  /** Once all is done: sets without pods beyond those that one may want to go back to. */
  #forgetOldSets(): void {
    const status = countedStatus(this.#deployment, this.#sets, this.#now);
    if (!this.#isPaused && !isComplete(this.#deployment, status)) return;
    const old = this.#sets.oldSets.filter((set) => set.metadata.deletionTimestamp === undefined);
    const surplus = old.length - historyLimit(this.#deployment);
    if (surplus <= 0) return;
    for (const set of old.toSorted((a, b) => revisionOf(a) - revisionOf(b)).slice(0, surplus)) {
      const observed = numberAt(set, 'status', 'observedGeneration') ?? 0;
      const isUsed = wantedOf(set) > 0 || actualOf(set) > 0 || (set.metadata.generation ?? 0) > observed;
      const { namespace, name } = set.metadata;
      if (!isUsed) this.#store.delete('replicasets', { namespace, name });
    }
  }

  #writeCounts(): undefined {
    writeStatus(this.#store, 'deployments', this.#deployment, countedStatus(this.#deployment, this.#sets, this.#now));
  }

  #writeProgress(): number | undefined {
    const deployment = this.#deployment;
    const status = rolloutStatus(deployment, this.#sets, this.#now);
    const stored = writeStatus(this.#store, 'deployments', deployment, status);
    return overdueIn(stored, status, this.#now);
  }
}
