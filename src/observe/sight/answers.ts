import { AtOnce, type Clock } from '../../base/index.ts';
import type { AccessQuestion, AskAccess, Subject } from './access.ts';

/** Answers that are kept; the oldest go. */
const MOST = 65_536;
/** Questions that are asked at a time. */
const AT_ONCE = 16;
const ANSWER_MS = 5_000;

type Answer = { readonly allowed: Promise<boolean>; readonly askedAt: number };

/** What the API server said of somebody lately, so that readers of the same rights ask once. */
export class Answers {
  readonly #ask: AskAccess;
  readonly #clock: Clock;
  readonly #known = new Map<string, Answer>();
  readonly #asking = new AtOnce(AT_ONCE);

  constructor(ask: AskAccess, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Not older than `maxAgeMs`. Rejects when nobody answers, which is not kept. */
  async of(subject: Subject, question: AccessQuestion, maxAgeMs: number): Promise<boolean> {
    const key = JSON.stringify([subject, question]);
    const known = this.#known.get(key);
    const now = this.#clock.elapsed();
    if (known !== undefined && now - known.askedAt < maxAgeMs) return await known.allowed;
    const allowed = this.#asking.run(async () => await this.#ask(subject, question, AbortSignal.timeout(ANSWER_MS)));
    this.#known.delete(key);
    this.#known.set(key, { allowed, askedAt: now });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(oldest);
    }
    try {
      return await allowed;
    } catch (error) {
      if (this.#known.get(key)?.allowed === allowed) this.#known.delete(key);
      throw error;
    }
  }
}
