import { EventEmitter } from 'node:events';
import { errorMessage, type Logger } from '../../base/index.ts';
import type { ApiStore } from '../apiserver/index.ts';
import type { Pod } from '../client/index.ts';
import type { PodSources } from './env/container-env.ts';

/** What the pods of a node are made of besides themselves. */
const RESOURCES = ['configmaps', 'persistentvolumeclaims', 'secrets', 'serviceaccounts', 'services'];

/** Objects that pods name, as they are now, and the news that one of them changed. */
export class PodObjects {
  readonly #store: ApiStore;
  readonly #log: Logger;
  readonly #changes = new EventEmitter().setMaxListeners(0);

  constructor(options: { readonly store: ApiStore; readonly log: Logger }) {
    this.#store = options.store;
    this.#log = options.log;
  }

  /** Follows changes until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(
      RESOURCES.map(async (resource) => {
        try {
          for await (const { object } of this.#store.watch(resource, { signal })) {
            this.#changes.emit(inNamespace(object.metadata.namespace ?? ''));
          }
        } catch (error) {
          if (!signal.aborted) this.#log.error({ resource, error: errorMessage(error) }, 'watch ended');
        }
      }),
    );
  }

  /** Says that a pod's own labels or annotations changed, of which files of its may be made. */
  tell(pod: Pod): void {
    this.#changes.emit(ofPod(pod));
  }

  of(namespace: string): PodSources {
    return {
      configMap: (name) => this.#store.get('configmaps', { namespace, name }),
      secret: (name) => this.#store.get('secrets', { namespace, name }),
      services: () => this.#store.list('services').items,
    };
  }

  /** Resolves at the next change of the pod itself or of an object in its namespace, or when the signal is aborted. */
  async changed(pod: Pod, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // A change of one pod is no news for the others of its namespace: each would read its volumes again.
    const topics = [inNamespace(pod.metadata.namespace), ofPod(pod)];
    const settle = () => resolve();
    for (const topic of topics) this.#changes.on(topic, settle);
    signal.addEventListener('abort', settle, { once: true });
    if (signal.aborted) settle();
    await promise;
    signal.removeEventListener('abort', settle);
    for (const topic of topics) this.#changes.off(topic, settle);
  }
}

const inNamespace = (namespace: string): string => `in ${namespace}`;
const ofPod = ({ metadata: { uid } }: Pod): string => `pod ${uid}`;
