import type { PolicyView } from '../../api/index.ts';
import type { Clock, Lifecycle, Logger, Service } from '../../base/index.ts';
import type { PolicyKey } from '../../model/index.ts';

export type PolicyLogOptions = {
  /** What was read or went since the last call. */
  readonly takeChanges: () => ReadonlySet<PolicyKey>;
  /** How these stand now; those that are gone are missing. */
  readonly standing: (keys: ReadonlySet<PolicyKey>) => ReadonlyMap<PolicyKey, PolicyView>;
  /** Decisions are on their way to the kernel just now. */
  readonly isBusy: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
};

const LOOK_MS = 1_000;
/** An agent that is always busy must not keep its log waiting for good. */
const MOST_LOOKS_MISSED = 10;
/** Lines of one look; what else changed is summed up in one more. */
const MOST_LINES = 20;

const MESSAGES = {
  applied: 'policy is in force',
  pending: 'policy is being written',
  refused: 'policy is not wholly in force',
  unreadable: 'policy is in force but for what cannot be read',
  'no-room': 'policy is in force but for what does not fit',
  staged: 'policy is staged: not enforced',
  mirror: 'policy says what the floor does: not enforced',
  gone: 'policy is gone',
} as const;

type Outcome = keyof typeof MESSAGES;

/** Says in the agent's log what became of each policy that came, changed or went, and since when that is so. */
export class PolicyLog implements Service {
  readonly #o: PolicyLogOptions;
  /** Told to be on their way: told again once that has come to an end. */
  #pending: ReadonlySet<PolicyKey> = new Set();
  #waiting = new Set<PolicyKey>();
  #missed = 0;

  constructor(options: PolicyLogOptions) {
    this.#o = options;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('policy log', async (signal) => {
      while (!signal.aborted) {
        this.look();
        await this.#o.clock.sleep(LOOK_MS, signal).catch(() => undefined);
      }
    });
  }

  look(): void {
    for (const key of this.#o.takeChanges()) this.#waiting.add(key);
    if (this.#waiting.size + this.#pending.size === 0) return;
    if (this.#o.isBusy() && this.#missed < MOST_LOOKS_MISSED) {
      this.#missed += 1;
      return;
    }
    this.#missed = 0;
    const changed = this.#waiting;
    this.#waiting = new Set();
    this.#tell(changed);
  }

  #tell(changed: ReadonlySet<PolicyKey>): void {
    const keys = changed.union(this.#pending);
    const views = this.#o.standing(keys);
    const counts: Partial<Record<Outcome, number>> = {};
    const pending = new Set<PolicyKey>();
    let lines = 0;
    for (const key of keys) {
      const view = views.get(key);
      const outcome = view?.state ?? 'gone';
      if (outcome === 'pending') {
        pending.add(key);
        if (!changed.has(key)) continue;
      }
      if (lines >= MOST_LINES) counts[outcome] = (counts[outcome] ?? 0) + 1;
      else this.#say(key, outcome, view);
      lines += 1;
    }
    this.#pending = pending;
    if (lines > MOST_LINES) this.#o.log.info(counts, 'more policies changed');
  }

  #say(policy: PolicyKey, outcome: Outcome, view: PolicyView | undefined): void {
    const { since, detail, endpoints } = view ?? {};
    const fields = { policy, ...(since && { since }), ...(view && { endpoints }), ...(detail && { detail }) };
    this.#o.log[outcome === 'refused' ? 'warn' : 'info'](fields, MESSAGES[outcome]);
  }
}
