import { errorMessage, type NamespacedName, nameParts } from '../../../base/index.ts';
import { isApiError, type KubeObject } from '../../apiserver/index.ts';
import type { ControllerContext } from './context.ts';
import { WorkQueue } from './work-queue.ts';

export type Watched = {
  readonly resource: string;
  /** Whose business an object is; asked of its version before a change and of the one after it. */
  readonly concerns: (object: KubeObject) => Iterable<NamespacedName>;
};

/** Names one object of a controller's own kind. */
export type SyncKey = { readonly namespace: string; readonly name: string };

export type ControllerOptions = {
  /** `replicaset-controller`. */
  readonly name: string;
  readonly watches: readonly Watched[];
  /**
   * Brings the world nearer to what one object says, by what the store holds now; done again after any change, so it may
   * stop half-way. Throws: again after a back-off. Gives the ms after which to look although nothing changed.
   *
   * It is synchronous, as the store is: whatever it wrote it sees the next time, so nothing is expected or remembered.
   */
  readonly sync: (key: SyncKey) => number | undefined;
};

/** Wakes `sync` for those whom a change concerns, never by the clock alone. */
export class Controller {
  readonly #context: ControllerContext;
  readonly #options: ControllerOptions;

  constructor(context: ControllerContext, options: ControllerOptions) {
    this.#context = context;
    this.#options = options;
    for (const { resource } of options.watches) context.informers.of(resource);
  }

  get name(): string {
    return this.#options.name;
  }

  /** Acts until the signal is aborted. */
  start(signal: AbortSignal): void {
    const { informers, clock } = this.#context;
    const queue = new WorkQueue<NamespacedName>({ clock, signal, work: (key) => this.#work(queue, key) });
    for (const { resource, concerns } of this.#options.watches) {
      const end = informers.of(resource).onChange(({ next, previous }) => {
        for (const object of [previous, next]) {
          if (object !== undefined) for (const key of concerns(object)) queue.add(key);
        }
      });
      signal.addEventListener('abort', end, { once: true });
    }
  }

  #work(queue: WorkQueue<NamespacedName>, key: NamespacedName): void {
    const { log } = this.#context;
    try {
      const again = this.#options.sync(nameParts(key));
      queue.forget(key);
      if (again !== undefined) queue.addAfter(key, again);
    } catch (error) {
      // A refusal of the API is the usual thing: a namespace that goes, a quota, somebody who was faster.
      const level = isApiError(error) ? 'debug' : 'error';
      log[level]({ controller: this.name, key, error: errorMessage(error) }, 'not brought on, tried again');
      queue.retry(key);
    }
  }
}
