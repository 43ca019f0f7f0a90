import {
  Backoff,
  type Clock,
  errorMessage,
  isMembraneError,
  type Logger,
  silentLogger,
  systemClock,
} from '../base/index.ts';
import type { ObjectRow } from '../model/index.ts';
import type { KubeClient, Selection } from './client.ts';
import { kubeErrors } from './errors.ts';
import { ReflectorCache } from './reflector-cache.ts';
import { collectionPath, type Resource } from './resources/resource.ts';
import { retryAfterOf } from './response.ts';
import { WholeList } from './whole-list.ts';

/** An object that could not be understood. What becomes of the row that was known before says its resource. */
export type RejectedObject = { readonly key: string; readonly problem: string };

/**
 * One step from the state before to a newer state of the server. Apply `deletes`, then `upserts`. No key is in one list
 * twice; a key in both means that the object was deleted and created again under its name (another uid).
 */
export type ReflectorBatch<T extends ObjectRow> = {
  readonly upserts: readonly T[];
  /** Last known rows. */
  readonly deletes: readonly T[];
  readonly rejected: readonly RejectedObject[];
  /** True from the batch on that completes the first list. The first batch is always a whole list, maybe empty. */
  readonly synced: boolean;
};

export type ReflectorStatus = {
  readonly synced: boolean;
  readonly objects: number;
  readonly resourceVersion: string;
  readonly lists: number;
  readonly watches: number;
  /** Objects that are known to be unreadable now. */
  readonly rejected: readonly RejectedObject[];
  /** Milliseconds since the server was last heard of: an event, a bookmark, a list, the start or end of a watch. */
  readonly silentMs?: number;
  /** Why it is not connected now, or that nothing has been heard for too long; absent: all is well. */
  readonly problem?: string;
};

export type ReflectorOptions<T extends ObjectRow> = {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly selection?: Selection;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly backoff?: Backoff;
  /** Objects a page, from a server that has no streamed lists. Default 250: half the peak of memory that 500 cost, in the same time. */
  readonly pageSize?: number;
  /**
   * How long the server keeps one watch. Default 30. Longer silence means that the connection is dead, however open it
   * looks: the server would have ended the watch. So this bounds how stale the view can be, at the price of one request.
   */
  readonly watchSeconds?: number;
  /** Silence after which a watch is taken for dead. Default: 5 seconds more than `watchSeconds`. */
  readonly idleMs?: number;
};

const WATCH_SECONDS = 30;
const GRACE_MS = 5_000;
/** Failed watches in a row before everything is listed anew. */
const PATIENCE = 5;

/**
 * Keeps up with all objects of one kind: list, then watch, again and again until the signal is aborted. It never throws:
 * what goes wrong is retried with backoff and stands in `status`. Not read = the server is not read either.
 */
export class Reflector<T extends ObjectRow> {
  readonly #options: ReflectorOptions<T>;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #cache: ReflectorCache<T>;
  readonly #wholeList: WholeList<T>;
  readonly #watchSeconds: number;
  readonly #idleMs: number;
  #heardAt: number | undefined;
  #resourceVersion = '';
  #lists = 0;
  #watches = 0;
  #synced = false;
  #problem: string | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#log = (options.log ?? silentLogger).child({ kind: options.resource.kind });
    this.#clock = options.clock ?? systemClock;
    this.#backoff = options.backoff ?? new Backoff({ initial: 100, max: 10_000 });
    this.#cache = new ReflectorCache(options.resource);
    this.#watchSeconds = options.watchSeconds ?? WATCH_SECONDS;
    this.#idleMs = options.idleMs ?? this.#watchSeconds * 1_000 + GRACE_MS;
    const { client, resource, selection, pageSize } = options;
    const heard = (): void => this.#heard();
    this.#wholeList = new WholeList({ client, resource, selection, pageSize, idleMs: this.#idleMs, heard });
  }

  status(): ReflectorStatus {
    const silentMs = this.#heardAt === undefined ? undefined : Math.max(0, this.#clock.elapsed() - this.#heardAt);
    const problem = this.#problem ?? this.#silence(silentMs);
    return {
      synced: this.#synced,
      objects: this.#cache.size,
      resourceVersion: this.#resourceVersion,
      lists: this.#lists,
      watches: this.#watches,
      rejected: this.#cache.rejected(),
      ...(silentMs === undefined ? {} : { silentMs }),
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** A reader that is slow to ask for more has not heard either. */
  #silence(silentMs = 0): string | undefined {
    if (silentMs <= this.#idleMs + GRACE_MS) return undefined;
    return `nothing was heard for ${Math.round(silentMs / 1_000)} s: what is known may be out of date`;
  }

  #heard(): void {
    this.#heardAt = this.#clock.elapsed();
    this.#problem = undefined;
  }

  /** One consumer only. Ends when the signal is aborted. */
  async *batches(signal: AbortSignal): AsyncGenerator<ReflectorBatch<T>> {
    while (!signal.aborted) {
      const startedAt = this.#clock.elapsed();
      try {
        if (this.#resourceVersion === '') yield await this.#list(signal);
        const hasTold = yield* this.#watch(signal);
        // A server that ends every watch at once must not be asked in a tight loop. One that tells nothing in them, either, is
        // none, whatever it answers: a proxy with a page of its own.
        if (this.#clock.elapsed() - startedAt >= 1_000) this.#backoff.reset();
        else if (hasTold || this.#backoff.attempts < PATIENCE) await this.#pause(signal);
        else throw kubeErrors.make('E_KUBE_RESPONSE', { detail: 'every watch ends at once and tells nothing' });
      } catch (error) {
        if (signal.aborted) return;
        if (this.#clock.elapsed() - startedAt > 60_000) this.#backoff.reset();
        this.#onFailure(error);
        await this.#pause(signal, retryAfterOf(error));
      }
    }
  }

  #onFailure(error: unknown): void {
    this.#problem = errorMessage(isMembraneError(error, 'E_KUBE_NOT_FOUND') ? this.#noKind() : error);
    if (isMembraneError(error, 'E_KUBE_GONE')) {
      this.#resourceVersion = '';
      this.#log.info({ problem: this.#problem }, 'resource version expired, listing again');
    } else if (isMembraneError(error, 'E_KUBE_SILENT')) {
      // Whoever swallows events may do so again: a list tells for certain.
      this.#resourceVersion = '';
      this.#log.warn({ problem: this.#problem }, 'watch went silent, listing again');
    } else {
      // Garbage in the stream may have cost events. A server that refuses the watch again and again may have been
      // restored from an older backup: it does not know our version. One that is down costs nothing.
      const refused = !isMembraneError(error, 'E_KUBE_UNREACHABLE') && this.#backoff.attempts >= PATIENCE;
      if (refused || isMembraneError(error, 'E_KUBE_RESPONSE')) this.#resourceVersion = '';
      this.#log.warn({ problem: this.#problem, attempt: this.#backoff.attempts }, 'lost touch with the API server');
    }
  }

  /** A list of nothing is empty, unless there is no such list. */
  #noKind(): Error {
    return kubeErrors.make('E_KUBE_NO_KIND', { detail: collectionPath(this.#options.resource) });
  }

  /** `atLeast`: ms that a server asks for that is too busy. */
  async #pause(signal: AbortSignal, atLeast = 0): Promise<void> {
    await this.#clock.sleep(Math.max(this.#backoff.next(), atLeast), signal).catch(() => undefined);
  }

  async #list(signal: AbortSignal): Promise<ReflectorBatch<T>> {
    const listed = await this.#wholeList.read(() => this.#cache.beginReplace(), signal);
    const { resourceVersion, ...changes } = listed;
    this.#resourceVersion = resourceVersion;
    this.#lists += 1;
    this.#synced = true;
    this.#heard();
    this.#logRejected(changes.rejected);
    return { ...changes, synced: true };
  }

  /** Whether it told anything, bookmarks too. */
  async *#watch(signal: AbortSignal): AsyncGenerator<ReflectorBatch<T>, boolean> {
    let hasTold = false;
    const { client, resource, selection } = this.#options;
    this.#watches += 1;
    const groups = client.watch(resource, {
      ...selection,
      resourceVersion: this.#resourceVersion,
      signal,
      timeoutSeconds: this.#watchSeconds,
      idleMs: this.#idleMs,
    });
    for await (const events of groups) {
      hasTold ||= events.length > 0;
      this.#heard();
      const changes = this.#cache.apply(events);
      if (changes.resourceVersion !== undefined) this.#resourceVersion = changes.resourceVersion;
      this.#logRejected(changes.rejected);
      const { upserts, deletes, rejected } = changes;
      if (upserts.length + deletes.length + rejected.length > 0) {
        yield { upserts, deletes, rejected, synced: this.#synced };
      }
      // Only a new list tells what became of the object.
      if (changes.unclear !== undefined) throw kubeErrors.make('E_KUBE_RESPONSE', { detail: changes.unclear });
    }
    this.#heard();
    return hasTold;
  }

  #logRejected(rejected: readonly RejectedObject[]): void {
    for (const { key, problem } of rejected.slice(0, 10)) this.#log.warn({ object: key, problem }, 'object skipped');
  }
}
