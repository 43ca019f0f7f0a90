import { setImmediate as nextTurn } from 'node:timers/promises';
import { Backoff, type BackoffOptions, type Clock, errorMessage, isMembraneError, systemClock } from '../base/index.ts';
import type { Change, Key, ReadonlyTable } from './table.ts';

/** How desired rows become real. All are idempotent, and may be repeated after an error half way. */
export type Operations<K extends Key, Row> = {
  /** Makes the target as the row says. */
  readonly update: (row: Row) => Promise<void> | void;
  /** Removes what belongs to the row; that it is gone already is success. */
  readonly delete: (key: K, row: Row) => Promise<void> | void;
  /** Removes everything that belongs to none of these rows: what an earlier process left behind. */
  readonly prune?: (rows: readonly Row[]) => Promise<void> | void;
};

export type RowStatus =
  | { readonly state: 'pending' }
  | { readonly state: 'done' }
  | { readonly state: 'error'; readonly message: string; readonly code?: string; readonly attempts: number };

export type ReconcilerOptions<K extends Key, Row> = {
  readonly name: string;
  readonly desired: ReadonlyTable<K, Row>;
  readonly operations: Operations<K, Row>;
  readonly backoff?: BackoffOptions;
  readonly clock?: Clock;
  /** Prunes again at this interval, against what others do to the target. Default: only at the start. */
  readonly pruneIntervalMs?: number;
  /** Told of every failure: for the log and metrics. */
  readonly onError?: (failure: { readonly key: K | undefined; readonly error: unknown }) => void;
};

type Failed<K extends Key, Row> = {
  readonly change: Change<K, Row>;
  readonly backoff: Backoff;
  readonly retryAt: number;
};

const BATCH = 256;

/** Brings a target (a kernel map, devices) to what a table wants, and keeps trying: one status a row. */
export class Reconciler<K extends Key, Row> {
  readonly #options: ReconcilerOptions<K, Row>;
  readonly #clock: Clock;
  readonly #status = new Map<K, RowStatus>();
  readonly #failed = new Map<K, Failed<K, Row>>();
  readonly #pruneBackoff: Backoff;
  #pruneAt = 0;
  #seen = 0;
  #settled: (() => void)[] = [];

  constructor(options: ReconcilerOptions<K, Row>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pruneBackoff = new Backoff(options.backoff);
  }

  get name(): string {
    return this.#options.name;
  }

  /** Undefined: the table does not want this row and nothing is left of it. */
  status(key: K): RowStatus | undefined {
    const row = this.#options.desired.has(key);
    return this.#status.get(key) ?? (row ? { state: 'pending' } : undefined);
  }

  /** Rows that could not be made real so far. */
  errors(): [K, RowStatus & { readonly state: 'error' }][] {
    return [...this.#status].flatMap(([key, status]) => (status.state === 'error' ? [[key, status]] : []));
  }

  /** Resolves when everything that the table wants at this moment was tried, with or without success. */
  async settled(): Promise<void> {
    const revision = this.#options.desired.revision;
    while (this.#seen < revision || this.#pruneAt === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#settled.push(resolve);
      await promise;
    }
  }

  /** Until the signal is aborted. Failures are statuses, never exceptions. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#retry();
      const batch = this.#options.desired.changesSince(this.#seen);
      await this.#apply(batch.changes, batch.complete);
      await this.#prune(batch.complete);
      this.#seen = batch.revision;
      for (const resolve of this.#settled.splice(0)) resolve();
      if (!signal.aborted) await this.#wait(signal);
    }
  }

  async #apply(changes: readonly Change<K, Row>[], complete: boolean): Promise<void> {
    if (complete) this.#dropUnwanted(changes);
    for (const change of changes) this.#status.set(change.key, { state: 'pending' });
    for (const [index, change] of changes.entries()) {
      if (index % BATCH === BATCH - 1) await nextTurn();
      this.#failed.delete(change.key);
      await this.#try(change, new Backoff(this.#options.backoff));
    }
  }

  /** Statuses of rows whose deletion the table no longer remembers; `prune` removes what is left of them. */
  #dropUnwanted(changes: readonly Change<K, Row>[]): void {
    const wanted = new Set(changes.map((change) => change.key));
    for (const key of [...this.#status.keys()].filter((key) => !wanted.has(key))) {
      this.#status.delete(key);
      this.#failed.delete(key);
    }
  }

  async #try(change: Change<K, Row>, backoff: Backoff): Promise<void> {
    const { update, delete: remove } = this.#options.operations;
    try {
      if (change.kind === 'set') await update(change.row);
      else await remove(change.key, change.row);
      this.#failed.delete(change.key);
      if (change.kind === 'set') this.#status.set(change.key, { state: 'done' });
      else this.#status.delete(change.key);
    } catch (error) {
      this.#options.onError?.({ key: change.key, error });
      this.#failed.set(change.key, { change, backoff, retryAt: this.#clock.now() + backoff.next() });
      this.#status.set(change.key, {
        state: 'error',
        message: errorMessage(error),
        ...(isMembraneError(error) ? { code: error.code } : {}),
        attempts: backoff.attempts,
      });
    }
  }

  async #retry(): Promise<void> {
    const now = this.#clock.now();
    const due = this.#failed.values().filter((failed) => failed.retryAt <= now);
    for (const { change, backoff } of due.toArray()) await this.#try(change, backoff);
  }

  async #prune(forced: boolean): Promise<void> {
    const { prune } = this.#options.operations;
    const now = this.#clock.now();
    if (!forced && now < this.#pruneAt) return;
    this.#pruneAt = now + (this.#options.pruneIntervalMs ?? Number.POSITIVE_INFINITY);
    if (prune === undefined) return;
    try {
      await prune(this.#options.desired.list());
      this.#pruneBackoff.reset();
    } catch (error) {
      this.#options.onError?.({ key: undefined, error });
      this.#pruneAt = now + this.#pruneBackoff.next();
    }
  }

  /** For a change of the table, or for the time of the next retry. */
  async #wait(signal: AbortSignal): Promise<void> {
    const times = [this.#pruneAt, ...[...this.#failed.values()].map((failed) => failed.retryAt)];
    const next = Math.min(...times) - this.#clock.now();
    const woken = new AbortController();
    const either = AbortSignal.any([signal, woken.signal]);
    const waits = [this.#options.desired.changed(this.#seen, either)];
    if (Number.isFinite(next)) waits.push(this.#clock.sleep(Math.max(0, next), either));
    try {
      await Promise.race(waits);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      woken.abort(new Error('woken'));
      await Promise.allSettled(waits);
    }
  }
}
