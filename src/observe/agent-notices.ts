/** What an agent did: for those who compare it with what flows did. */
export type AgentNotice = {
  /** ms since the epoch. */
  readonly time: number;
} & (
  | { readonly kind: 'started' }
  /** `NetworkPolicy tenant-a/web` */
  | { readonly kind: 'policy-updated' | 'policy-deleted'; readonly policy: string }
  | {
      readonly kind: 'endpoint-created' | 'endpoint-deleted';
      readonly id: number;
      readonly namespace: string;
      readonly pod: string;
    }
);

/** Kept for those who ask later. */
const KEPT = 1_024;

export type NoticeQuery = {
  /** The newest so many, or, with `first`, the oldest; undefined: all. */
  readonly number?: number | undefined;
  readonly first: boolean;
  readonly follow: boolean;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
};

/** The latest notices, and whoever reads along; one who is too slow misses the oldest of what he has not read. */
export class AgentNotices {
  #kept: AgentNotice[] = [];
  /** Notices so far. */
  #told = 0;
  #wake = Promise.withResolvers<void>();

  add(notice: AgentNotice): void {
    this.#kept.push(notice);
    this.#told += 1;
    if (this.#kept.length > KEPT) this.#kept = this.#kept.slice(-KEPT);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async *read(query: NoticeQuery, signal: AbortSignal): AsyncGenerator<AgentNotice> {
    const { number, first, follow, since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = query;
    const isWanted = ({ time }: AgentNotice) => time >= since && time <= until;
    let read = this.#told;
    const isAsked = number !== undefined || !follow || query.since !== undefined;
    const stored = isAsked ? this.#kept.filter(isWanted) : [];
    const from = number === undefined || first ? 0 : Math.max(0, stored.length - number);
    yield* stored.slice(from, first ? number : undefined);
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => aborted.resolve(), { once: true });
    while (follow && !signal.aborted) {
      const fresh = this.#kept.slice(Math.max(0, this.#kept.length - (this.#told - read)));
      read = this.#told;
      yield* fresh.filter(isWanted);
      if (read === this.#told && !signal.aborted) await Promise.race([this.#wake.promise, aborted.promise]);
    }
  }
}
