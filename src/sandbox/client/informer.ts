import { setImmediate as nextTurn } from 'node:timers/promises';
import { errorMessage, type Logger, namespacedName } from '../../base/index.ts';
import type { ApiStore } from '../apiserver/index.ts';

type Meta = {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly uid?: string | undefined;
  };
};

export type Change<T> = {
  /** `undefined` when it is gone. */
  readonly next: T | undefined;
  readonly previous: T | undefined;
};

export type InformerOptions<T extends Meta> = {
  readonly store: ApiStore;
  readonly resource: string;
  /** Throws for an object that cannot be understood; it is logged and left out. */
  readonly parse: (object: unknown) => T;
  readonly log: Logger;
};

/** Events that come sooner after each other are one burst: a turn for each of thousands would be most of what they cost. */
const BURST_MS = 1;

/**
 * A parsed copy of one resource, kept by list and watch like any other client's. An object that was replaced under its
 * name is first gone, then new.
 */
export class Informer<T extends Meta> {
  readonly #options: InformerOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<(change: Change<T>) => void>();

  constructor(options: InformerOptions<T>) {
    this.#options = options;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(namespacedName({ namespace, name }));
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  /**
   * Handlers are called in order, synchronously, and must not throw. A new one is told of what is there already. The
   * function that is given back takes the handler away.
   */
  onChange(handler: (change: Change<T>) => void): () => void {
    this.#handlers.add(handler);
    for (const next of this.#objects.values()) handler({ next, previous: undefined });
    return () => this.#handlers.delete(handler);
  }

  /** Watches until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    let busyUntil = Number.NEGATIVE_INFINITY;
    for await (const { type, object } of this.#options.store.watch(this.#options.resource, { signal })) {
      // In the API server's process: who watches by HTTP is not to wait until it was understood here.
      if (performance.now() - busyUntil > BURST_MS) await nextTurn();
      const parsed = this.#parse(object);
      if (parsed !== undefined && type === 'DELETED') this.#drop(parsed);
      else if (parsed !== undefined) this.#keep(parsed);
      busyUntil = performance.now();
    }
  }

  #parse(object: unknown): T | undefined {
    try {
      return this.#options.parse(object);
    } catch (error) {
      this.#options.log.warn({ resource: this.#options.resource, error: errorMessage(error) }, 'object not understood');
      return undefined;
    }
  }

  #keep(next: T): void {
    const key = keyOf(next);
    const known = this.#objects.get(key);
    const same = known?.metadata.uid === next.metadata.uid;
    if (known !== undefined && !same) this.#drop(known);
    this.#objects.set(key, next);
    this.#tell({ next, previous: same ? known : undefined });
  }

  #drop(last: T): void {
    if (this.#objects.delete(keyOf(last))) this.#tell({ next: undefined, previous: last });
  }

  #tell(change: Change<T>): void {
    for (const handler of this.#handlers) handler(change);
  }
}

const keyOf = (object: Meta): string => namespacedName(object.metadata);
