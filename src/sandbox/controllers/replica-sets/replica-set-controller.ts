import { errorMessage, type NamespacedName, namespacedName } from '../../../base/index.ts';
import {
  type ApiStore,
  type KubeObject,
  numberAt,
  objectAt,
  selectorHolds,
  stringMapAt,
} from '../../apiserver/index.ts';
import { claim } from '../kit/claim.ts';
import { type Condition, conditionsOf, withCondition, withoutCondition } from '../kit/conditions.ts';
import { type ControllerContext, recorderFor } from '../kit/context.ts';
import { Controller, type SyncKey } from '../kit/controller.ts';
import { controllerOf, keeperOf } from '../kit/owner.ts';
import { PodControl } from '../kit/pod-control.ts';
import { isActive, isAvailable, isReady, minReadySecondsOf, nextAvailable } from '../kit/pods.ts';
import { writeStatus } from '../kit/status.ts';
import type { ReplicaKind } from './kinds.ts';
import { podsToDelete } from './pods-to-delete.ts';

/** So many pods are made or deleted at a time, as by the real controller. */
const BURST = 500;

/** Keeps as many pods as each set of this kind says, and tells in its status how many there are. */
export function replicaController(context: ControllerContext, kind: ReplicaKind): Controller {
  const sets = new Replicas(context, kind);
  return new Controller(context, {
    name: kind.component,
    watches: [
      { resource: kind.resource, concerns: ({ metadata }) => [namespacedName(metadata)] },
      { resource: 'pods', concerns: (pod) => sets.concernedBy(pod) },
    ],
    sync: (key) => sets.sync(key),
  });
}

class Replicas {
  readonly #context: ControllerContext;
  readonly #store: ApiStore;
  readonly #kind: ReplicaKind;
  readonly #pods: PodControl;

  constructor(context: ControllerContext, kind: ReplicaKind) {
    this.#context = context;
    this.#store = context.store;
    this.#kind = kind;
    this.#pods = new PodControl({ store: context.store, events: recorderFor(context, kind.component) });
  }

  /** Its keeper; of a pod that nobody keeps, all who may adopt it. */
  concernedBy(pod: KubeObject): NamespacedName[] {
    if (controllerOf(pod) !== undefined) return keeperOf(pod, this.#kind);
    return this.#store
      .list(this.#kind.resource, { namespace: pod.metadata.namespace })
      .items.filter((set) => selectorHolds(this.#kind.selectorOf(set), pod.metadata.labels))
      .map((set) => namespacedName(set.metadata));
  }

  sync(key: SyncKey): number | undefined {
    const set = this.#store.get(this.#kind.resource, key);
    if (set === undefined) return undefined;
    const pods = this.#claimed(set);
    let failure: unknown;
    try {
      if (set.metadata.deletionTimestamp === undefined) this.#bringTo(set, pods);
    } catch (error) {
      failure = error;
    }
    const now = this.#context.clock.now();
    const kept = this.#claimed(set);
    this.#writeStatus(set, kept, failure, now);
    if (failure !== undefined) throw failure;
    return nextAvailable(kept, minReadySecondsOf(set), now);
  }

  #claimed(set: KubeObject): KubeObject[] {
    const selector = this.#kind.selectorOf(set);
    return claim({ store: this.#store, owner: set, resource: 'pods', selector }).filter(isActive);
  }

  #bringTo(set: KubeObject, pods: readonly KubeObject[]): void {
    const missing = (numberAt(set, 'spec', 'replicas') ?? 0) - pods.length;
    for (let made = 0; made < Math.min(missing, BURST); made += 1) {
      this.#pods.create(set, objectAt(set, 'spec', 'template'));
    }
    if (missing >= 0) return;
    const surplus = Math.min(-missing, BURST);
    const doomed = podsToDelete(pods, this.#related(set), surplus, this.#context.clock.now());
    for (const pod of doomed) this.#pods.delete(set, pod);
  }

  /** The pods of all sets that the same workload keeps. */
  #related(set: KubeObject): KubeObject[] {
    const { namespace, uid } = set.metadata;
    const keeper = controllerOf(set)?.uid;
    const siblings = this.#store
      .list(this.#kind.resource, { namespace })
      .items.filter((other) => keeper !== undefined && controllerOf(other)?.uid === keeper)
      .map((other) => other.metadata.uid);
    const keepers = new Set([...siblings, uid]);
    return this.#store.list('pods', { namespace }).items.filter((pod) => keepers.has(controllerOf(pod)?.uid));
  }

  #writeStatus(set: KubeObject, pods: readonly KubeObject[], failure: unknown, now: number): void {
    const labels = { matchLabels: stringMapAt(set, 'spec', 'template', 'metadata', 'labels') };
    const seconds = minReadySecondsOf(set);
    const conditions = conditionsOf(set);
    const missing = (numberAt(set, 'spec', 'replicas') ?? 0) - pods.length;
    const failed: Condition = {
      type: 'ReplicaFailure',
      status: 'True',
      reason: missing > 0 ? 'FailedCreate' : 'FailedDelete',
      message: errorMessage(failure),
    };
    const status = {
      replicas: pods.length,
      fullyLabeledReplicas: pods.filter((pod) => selectorHolds(labels, pod.metadata.labels)).length,
      readyReplicas: pods.filter(isReady).length,
      availableReplicas: pods.filter((pod) => isAvailable(pod, seconds, now)).length,
      observedGeneration: set.metadata.generation ?? 0,
      conditions:
        failure === undefined ? withoutCondition(conditions, failed.type) : withCondition(conditions, failed, now),
    };
    writeStatus(this.#store, this.#kind.resource, set, status, ['replicas']);
  }
}
