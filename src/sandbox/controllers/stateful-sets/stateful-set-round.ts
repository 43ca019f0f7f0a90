import {
  type ApiStore,
  type JsonObject,
  type KubeObject,
  numberAt,
  objectAt,
  stringAt,
  stringMapAt,
} from '../../apiserver/index.ts';
import { claim } from '../kit/claim.ts';
import type { ControllerContext } from '../kit/context.ts';
import type { PodControl } from '../kit/pod-control.ts';
import { isActive, isAvailable, isFinished, isReady, minReadySecondsOf, nextAvailable } from '../kit/pods.ts';
import { writeStatus } from '../kit/status.ts';
import { HASH_LABEL, RevisionHistory, templateOf } from '../revisions/history.ts';
import { ordinalOf, ordinalsOf, sortPods } from './ordinals.ts';
import { SetClaims } from './set-claims.ts';

const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

/** One look at one set: the next step, and its status. */
export class StatefulSetRound {
  readonly #store: ApiStore;
  readonly #podControl: PodControl;
  readonly #set: KubeObject;
  readonly #now: number;
  readonly #history: RevisionHistory;
  readonly #claims: SetClaims;

  constructor(context: ControllerContext, pods: PodControl, set: KubeObject) {
    this.#store = context.store;
    this.#podControl = pods;
    this.#set = set;
    this.#now = context.clock.now();
    this.#history = new RevisionHistory(context.store, set);
    this.#claims = new SetClaims(context.store, set);
  }

  /** In how many ms a pod that is ready will have been so for long enough. */
  run(): number | undefined {
    const update = this.#history.current();
    const asked = stringAt(this.#set, 'status', 'currentRevision');
    const current = this.#history.all.find(({ metadata }) => metadata.name === asked) ?? update;
    try {
      if (this.#set.metadata.deletionTimestamp === undefined) this.#step(current, update);
    } finally {
      this.#writeStatus(current.metadata.name, update.metadata.name);
    }
    const used = this.#pods.map((pod) => pod.metadata.labels?.[HASH_LABEL] ?? '');
    this.#history.truncate(new Set([...used, current.metadata.name, update.metadata.name]));
    return nextAvailable(this.#pods, minReadySecondsOf(this.#set), this.#now);
  }

  get #pods(): KubeObject[] {
    const selector = objectAt(this.#set, 'spec', 'selector');
    const own = claim({ store: this.#store, owner: this.#set, resource: 'pods', selector });
    return own.filter((pod) => ordinalOf(this.#set, pod) !== undefined);
  }

  get #isOrdered(): boolean {
    return stringAt(this.#set, 'spec', 'podManagementPolicy') !== 'Parallel';
  }

  #serves(pod: KubeObject): boolean {
    return isActive(pod) && isAvailable(pod, minReadySecondsOf(this.#set), this.#now);
  }

  #step(current: KubeObject, update: KubeObject): void {
    const { wanted, surplus } = sortPods(this.#set, this.#pods);
    for (const [ordinal, pod] of wanted) {
      if (pod === undefined) this.#create(ordinal, ordinal < this.#firstUpdated ? current : update);
      else if (isFinished(pod) && pod.metadata.deletionTimestamp === undefined) this.#delete(pod);
      else if (this.#serves(pod)) continue;
      if (this.#isOrdered) return;
    }
    for (const pod of surplus) {
      if (pod.metadata.deletionTimestamp === undefined) {
        this.#delete(pod);
        this.#claims.leave(pod);
      }
      if (this.#isOrdered) return;
    }
    this.#update([...wanted.entries()].toReversed(), update);
  }

  /** Below it pods stay at the revision that they have. */
  get #firstUpdated(): number {
    const partition = numberAt(this.#set, 'spec', 'updateStrategy', 'rollingUpdate', 'partition') ?? 0;
    return ordinalsOf(this.#set).first + partition;
  }

  /** From the last pod to the first, each when the one before it serves again. */
  #update(wanted: readonly (readonly [number, KubeObject | undefined])[], { metadata: { name } }: KubeObject): void {
    if (stringAt(this.#set, 'spec', 'updateStrategy', 'type') === 'OnDelete') return;
    for (const [ordinal, pod] of wanted) {
      if (ordinal < this.#firstUpdated || pod === undefined) return;
      if (pod.metadata.labels?.[HASH_LABEL] !== name && pod.metadata.deletionTimestamp === undefined) {
        this.#delete(pod);
        return;
      }
      if (!this.#serves(pod)) return;
    }
  }

  #create(ordinal: number, revision: KubeObject): void {
    const name = `${this.#set.metadata.name}-${ordinal}`;
    const change = (pod: JsonObject): void => {
      const metadata = objectAt(pod, 'metadata') ?? {};
      const own = { [HASH_LABEL]: revision.metadata.name, [POD_NAME]: name, [POD_INDEX]: String(ordinal) };
      metadata['labels'] = { ...stringMapAt(metadata, 'labels'), ...own };
      const subdomain = stringAt(this.#set, 'spec', 'serviceName') ?? '';
      const podSpec = objectAt(pod, 'spec') ?? {};
      Object.assign(podSpec, { hostname: name, ...(subdomain === '' ? {} : { subdomain }) });
      this.#claims.mountIn(podSpec, ordinal);
    };
    this.#claims.make(ordinal);
    this.#podControl.create(this.#set, templateOf(revision), { name, change });
  }

  #delete(pod: KubeObject): void {
    this.#podControl.delete(this.#set, pod);
  }

  #writeStatus(current: string, update: string): void {
    const pods = this.#pods.filter((pod) => !isFinished(pod));
    const active = pods.filter(isActive);
    const at = (revision: string): number =>
      active.filter((pod) => pod.metadata.labels?.[HASH_LABEL] === revision).length;
    const ready = pods.filter(isReady).length;
    const wanted = ordinalsOf(this.#set).count;
    const isRolling = stringAt(this.#set, 'spec', 'updateStrategy', 'type') === 'RollingUpdate';
    const isDone = isRolling && at(update) === wanted && pods.length === wanted && ready === wanted;
    const status = {
      observedGeneration: this.#set.metadata.generation ?? 0,
      replicas: pods.length,
      readyReplicas: ready,
      availableReplicas: pods.filter((pod) => this.#serves(pod)).length,
      currentReplicas: at(isDone ? update : current),
      updatedReplicas: at(update),
      currentRevision: isDone ? update : current,
      updateRevision: update,
      collisionCount: 0,
    };
    const always = ['replicas', 'availableReplicas', 'collisionCount'];
    writeStatus(this.#store, 'statefulsets', this.#set, status, always);
  }
}
