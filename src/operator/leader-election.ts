import { type Clock, errorMessage, type Logger } from '../base/index.ts';
import { type LeaseObject, type LeaseRecord, microTime } from '../kube/index.ts';
import { operatorErrors } from './errors.ts';

export type LeaderElectionOptions = {
  readonly lease: Pick<LeaseObject, 'get' | 'put'>;
  /** Unlike that of any other. */
  readonly identity: string;
  /** How long a lease holds. */
  readonly seconds: number;
  readonly clock: Clock;
  readonly log: Logger;
};

/** For as long as one leads. */
export type Term = {
  /** Aborted when it is over. */
  readonly signal: AbortSignal;
  /** Before each request that only one may send. E_OPERATOR_NOT_LEADING, also when this process stood still meanwhile. */
  readonly check: () => void;
};

/**
 * Leads while it holds a Lease, one of all that try. As client-go does it: whether another's lease is over is measured by
 * what passes here, which no setting of a clock changes, from when it was last seen to change; whoever cannot renew his own
 * stops before it is.
 */
export class LeaderElection {
  readonly #o: LeaderElectionOptions;
  readonly #durationMs: number;
  #seen: LeaseRecord | undefined;
  #seenAt = 0;
  /** Begin of the last request that renewed it: from when on others may have seen it, and not later. */
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectionOptions) {
    this.#o = options;
    this.#durationMs = options.seconds * 1_000;
  }

  get isLeading(): boolean {
    return this.#o.clock.elapsed() < this.#renewedAt + this.#deadlineMs;
  }

  /** Who leads as far as is known; empty: nobody. */
  get leader(): string {
    return this.#seen?.holder ?? '';
  }

  /** Leads again and again until the signal is aborted; the lease is given back then. */
  async run(lead: (term: Term) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#try()) await this.#lead(lead, signal);
      else await this.#pause(signal);
    }
  }

  get #deadlineMs(): number {
    return (this.#durationMs * 2) / 3;
  }

  async #pause(signal: AbortSignal): Promise<void> {
    await this.#o.clock.sleep((this.#durationMs / 7) * (1 + Math.random() / 5), signal).catch(() => undefined);
  }

  async #lead(lead: (term: Term) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { log, identity } = this.#o;
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    const check = (): void => {
      if (ended.aborted || !this.isLeading) throw operatorErrors.make('E_OPERATOR_NOT_LEADING');
    };
    log.info({ identity }, 'leads');
    const work = lead({ signal: ended, check }).finally(() => over.abort());
    while (!ended.aborted && this.isLeading) {
      await this.#pause(ended);
      if (!ended.aborted) await this.#try();
    }
    if (!signal.aborted) log.warn({ identity, leader: this.leader }, 'does not lead any more');
    over.abort();
    await work.catch((error: unknown) => {
      if (!signal.aborted) log.error({ error: errorMessage(error) }, 'what only the leader does has failed');
    });
    await this.#giveBack();
  }

  /** Takes or renews it; false: another has it, or nobody can tell. */
  async #try(): Promise<boolean> {
    const { lease, identity, seconds, clock, log } = this.#o;
    try {
      const found = await lease.get();
      this.#see(found);
      const mine = found?.holder === identity;
      if (found !== undefined && !mine && found.holder !== '' && clock.elapsed() < this.#seenAt + this.#durationMs) {
        this.#renewedAt = Number.NEGATIVE_INFINITY;
        return false;
      }
      const startedAt = clock.elapsed();
      const now = microTime(clock.now());
      const put = await lease.put({
        holder: identity,
        seconds,
        acquiredAt: mine ? found.acquiredAt : now,
        renewedAt: now,
        transitions: found === undefined ? 0 : found.transitions + (mine ? 0 : 1),
        resourceVersion: found?.resourceVersion ?? '',
      });
      if (put === undefined) return false;
      this.#see(put);
      this.#renewedAt = startedAt;
      return true;
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'the lease cannot be had');
      return false;
    }
  }

  #see(record: LeaseRecord | undefined): void {
    if (record?.resourceVersion === this.#seen?.resourceVersion) return;
    this.#seen = record;
    this.#seenAt = this.#o.clock.elapsed();
  }

  /** So that the next one need not wait. */
  async #giveBack(): Promise<void> {
    const held = this.#seen;
    const isMine = held?.holder === this.#o.identity && this.isLeading;
    this.#renewedAt = Number.NEGATIVE_INFINITY;
    if (!isMine) return;
    await this.#o.lease.put({ ...held, holder: '', renewedAt: microTime(this.#o.clock.now()) }).catch(() => undefined);
  }
}
