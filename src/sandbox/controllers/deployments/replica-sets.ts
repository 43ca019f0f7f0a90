import {
  type ApiStore,
  isApiError,
  type JsonObject,
  type KubeObject,
  numberAt,
  objectAt,
  stringMapAt,
} from '../../apiserver/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import { claim } from '../kit/claim.ts';
import { type Condition, conditionsOf, findCondition } from '../kit/conditions.ts';
import { controllerReference } from '../kit/owner.ts';
import { isTerminating } from '../kit/pod-control.ts';
import { minReadySecondsOf } from '../kit/pods.ts';
import { shortHash } from '../kit/template-hash.ts';
import { PROGRESSING, progressing, withDeploymentCondition } from './progress.ts';
import {
  findNewSet,
  HASH_LABEL,
  newestRevision,
  newSetAnnotations,
  REVISION,
  revisionOf,
  sizeAnnotations,
} from './revisions.ts';
import { newSetSize } from './rolling-update.ts';
import { progressDeadline, templateOf, wantedOf } from './spec.ts';

export type ReplicaSetsOptions = {
  readonly store: ApiStore;
  readonly events: EventRecorder;
  readonly now: number;
  readonly deployment: KubeObject;
};

/** The replica sets of a deployment, as the store has them after each change. */
export class ReplicaSets {
  readonly #options: ReplicaSetsOptions;
  #deployment: KubeObject;
  #all: readonly KubeObject[];

  constructor(options: ReplicaSetsOptions) {
    const { store, deployment: owner } = options;
    this.#options = options;
    this.#deployment = owner;
    const selector = objectAt(owner, 'spec', 'selector');
    this.#all = claim({ store, owner, resource: 'replicasets', selector });
  }

  get deployment(): KubeObject {
    return this.#deployment;
  }

  get all(): readonly KubeObject[] {
    return this.#all;
  }

  get newSet(): KubeObject | undefined {
    return findNewSet(this.#deployment, this.#all);
  }

  get oldSets(): readonly KubeObject[] {
    const newSet = this.newSet;
    return this.#all.filter((set) => set !== newSet);
  }

  setCondition(condition: Condition): void {
    const conditions = withDeploymentCondition(conditionsOf(this.#deployment), condition, this.#options.now);
    this.#writeDeployment({ conditions });
  }

  /** Brings the new set, if there is one, to what the deployment says of it besides its size. */
  syncRevision(): KubeObject | undefined {
    const set = this.newSet;
    if (set === undefined) return undefined;
    const revision = newestRevision(this.oldSets) + 1;
    const next = structuredClone(set);
    next.metadata.annotations = newSetAnnotations(this.#deployment, set, revision);
    next['spec'] = { ...objectAt(next, 'spec'), minReadySeconds: minReadySecondsOf(this.#deployment) };
    const stored = this.#update(next);
    const found = progressing('True', 'FoundNewReplicaSet', `Found new replica set "${set.metadata.name}"`);
    this.#tellRevision(revisionOf(stored), found);
    return stored;
  }

  /** The set that the deployment wants now; made when it is not there. Throws what the API says. */
  makeNewSet(): KubeObject {
    const known = this.syncRevision();
    if (known !== undefined) return known;
    const collisions = numberAt(this.#deployment, 'status', 'collisionCount') ?? 0;
    const hash = shortHash(templateOf(this.#deployment), collisions);
    const revision = newestRevision(this.#all) + 1;
    const wanted = this.#newSetOf(hash, revision);
    try {
      const made = this.#options.store.create('replicasets', wanted);
      this.#all = [...this.#all, made];
      const size = wantedOf(made);
      const { name } = made.metadata;
      if (size > 0) this.#say('Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${size}`);
      this.#tellRevision(revision, progressing('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`));
      return made;
    } catch (error) {
      // Another template has this hash: the next one is salted.
      if (isApiError(error, 'AlreadyExists')) this.#writeDeployment({ collisionCount: collisions + 1 });
      else if (isApiError(error) && !isTerminating(error.details?.causes)) {
        const message = `Failed to create new replica set "${this.#deployment.metadata.name}-${hash}": ${error.message}`;
        this.#say('Warning', 'ReplicaSetCreateError', message);
        if (progressDeadline(this.#deployment) !== undefined) {
          this.setCondition(progressing('False', 'ReplicaSetCreateError', message));
        }
      }
      throw error;
    }
  }

  #newSetOf(hash: string, revision: number): JsonObject {
    const deployment = this.#deployment;
    const { namespace = '', name } = deployment.metadata;
    const template = structuredClone(templateOf(deployment));
    const labels = { ...stringMapAt(template, 'metadata', 'labels'), [HASH_LABEL]: hash };
    const selector = structuredClone(objectAt(deployment, 'spec', 'selector') ?? {});
    const size = newSetSize(deployment, this.#all, 0);
    return {
      metadata: {
        name: `${name}-${hash}`,
        namespace,
        labels,
        annotations: newSetAnnotations(deployment, undefined, revision),
        ownerReferences: [controllerReference(deployment)],
      },
      spec: {
        replicas: size,
        minReadySeconds: minReadySecondsOf(deployment),
        selector: { ...selector, matchLabels: { ...stringMapAt(selector, 'matchLabels'), [HASH_LABEL]: hash } },
        template: { ...template, metadata: { ...objectAt(template, 'metadata'), labels } },
      },
    };
  }

  /** Also notes for which size of the deployment it was done. */
  resize(set: KubeObject, size: number): KubeObject {
    const before = wantedOf(set);
    const next = structuredClone(set);
    next.metadata.annotations = { ...next.metadata.annotations, ...sizeAnnotations(this.#deployment) };
    next['spec'] = { ...objectAt(next, 'spec'), replicas: size };
    const stored = this.#update(next);
    if (size !== before) {
      const direction = size > before ? 'up' : 'down';
      const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${size}`;
      this.#say('Normal', 'ScalingReplicaSet', message);
    }
    return stored;
  }

  #update(next: KubeObject): KubeObject {
    const stored = this.#options.store.update('replicasets', next);
    this.#all = this.#all.map((set) => (set.metadata.uid === stored.metadata.uid ? stored : set));
    return stored;
  }

  /** The revision that the deployment is at, and how it came to its first set. */
  #tellRevision(revision: number, condition: Condition): void {
    const { annotations } = this.#deployment.metadata;
    const conditions = conditionsOf(this.#deployment);
    const isNew = findCondition(conditions, PROGRESSING) === undefined || condition.reason === 'NewReplicaSetCreated';
    const tells = isNew && progressDeadline(this.#deployment) !== undefined;
    if (annotations?.[REVISION] === String(revision) && !tells) return;
    this.#writeDeployment(
      tells ? { conditions: withDeploymentCondition(conditions, condition, this.#options.now) } : {},
      { ...annotations, [REVISION]: String(revision) },
    );
  }

  #writeDeployment(status: JsonObject, annotations = this.#deployment.metadata.annotations): void {
    const next = structuredClone(this.#deployment);
    if (annotations !== undefined) next.metadata.annotations = { ...annotations };
    next['status'] = { ...objectAt(next, 'status'), ...status };
    const { namespace, name } = next.metadata;
    const options = { key: { namespace, name }, subresource: 'status' } as const;
    this.#deployment = this.#options.store.update('deployments', next, options);
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#options.events.about(this.#deployment, type, reason, message);
  }
}
