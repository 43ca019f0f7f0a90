import {
  type ApiStore,
  isApiError,
  type JsonObject,
  type KubeObject,
  objectAt,
  stringMapAt,
} from '../../apiserver/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import { controllerReference } from './owner.ts';

/** `name`: given, not made up. `change`: what the pod has beyond its template. */
export type PodOptions = { readonly name?: string; readonly change?: (pod: JsonObject) => void };

/** How an event says that a pod was made or deleted; the owner's name comes last. */
export type Wording = (verb: 'create' | 'delete', pod: string, owner: string) => string;

const usual: Wording = (verb, pod) => `${verb === 'create' ? 'Created' : 'Deleted'} pod: ${pod}`;

/** Makes and deletes the pods of workloads, and says so in an event of the workload. */
export class PodControl {
  readonly #store: ApiStore;
  readonly #events: EventRecorder;
  readonly #wording: Wording;

  constructor(options: { readonly store: ApiStore; readonly events: EventRecorder; readonly wording?: Wording }) {
    this.#store = options.store;
    this.#events = options.events;
    this.#wording = options.wording ?? usual;
  }

  /** Throws what the API says. */
  create(owner: KubeObject, template: JsonObject | undefined, options: PodOptions = {}): KubeObject {
    const metadata = objectAt(template, 'metadata');
    const pod: JsonObject = {
      metadata: {
        ...(options.name === undefined ? { generateName: `${owner.metadata.name}-` } : { name: options.name }),
        namespace: owner.metadata.namespace ?? '',
        labels: stringMapAt(metadata, 'labels'),
        annotations: stringMapAt(metadata, 'annotations'),
        finalizers: structuredClone(metadata?.['finalizers'] ?? []),
        ownerReferences: [controllerReference(owner)],
      },
      spec: structuredClone(objectAt(template, 'spec') ?? {}),
    };
    options.change?.(pod);
    try {
      const made = this.#store.create('pods', pod);
      this.#events.about(
        owner,
        'Normal',
        'SuccessfulCreate',
        this.#wording('create', made.metadata.name, owner.metadata.name),
      );
      return made;
    } catch (error) {
      if (isApiError(error) && !isTerminating(error.details?.causes)) {
        this.#events.about(owner, 'Warning', 'FailedCreate', `Error creating: ${error.message}`);
      }
      throw error;
    }
  }

  delete(owner: KubeObject, pod: KubeObject): void {
    const { namespace, name, uid } = pod.metadata;
    try {
      this.#store.delete('pods', { namespace, name }, { preconditions: { uid } });
      this.#events.about(owner, 'Normal', 'SuccessfulDelete', this.#wording('delete', name, owner.metadata.name));
    } catch (error) {
      if (isApiError(error, 'NotFound')) return;
      if (isApiError(error)) this.#events.about(owner, 'Warning', 'FailedDelete', `Error deleting: ${error.message}`);
      throw error;
    }
  }
}

/** Nothing is made in a namespace that goes, and nobody needs to be told. */
export function isTerminating(causes: readonly { readonly reason?: string }[] = []): boolean {
  return causes.some(({ reason }) => reason === 'NamespaceTerminating');
}
