import { EventEmitter, once } from 'node:events';
import { errorMessage, type Logger } from '../../base/index.ts';
import type { ApiStore } from '../apiserver/index.ts';
import type { PodSources } from './env/container-env.ts';

/** What the pods of a node are made of besides themselves. */
const RESOURCES = ['configmaps', 'secrets', 'serviceaccounts', 'services'];

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
            this.tell(object.metadata.namespace ?? '');
          }
        } catch (error) {
          if (!signal.aborted) this.#log.error({ resource, error: errorMessage(error) }, 'watch ended');
        }
      }),
    );
  }

  /** Says that something changed there that pods are made of. */
  tell(namespace: string): void {
    this.#changes.emit(`in ${namespace}`);
  }

  of(namespace: string): PodSources {
    return {
      configMap: (name) => this.#store.get('configmaps', { namespace, name }),
      secret: (name) => this.#store.get('secrets', { namespace, name }),
      services: () => this.#store.list('services').items,
    };
  }

  /** Resolves at the next change of any of them in a namespace, or when the signal is aborted. */
  async changed(namespace: string, signal: AbortSignal): Promise<void> {
    await once(this.#changes, `in ${namespace}`, { signal }).catch(() => undefined);
  }
}
