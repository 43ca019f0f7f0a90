import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../base/index.ts';
import { crowdOf, givesWay } from './crowd.ts';

const MOST = 1_024;
/** Of one person: whoever logs in again and again pushes out his own. */
const MOST_EACH = 16;
const LIFETIME_MS = 12 * 3_600_000;

type Session = { readonly token: string; readonly who: string; readonly until: number };

/** Who has logged in, by what his cookie says. What is kept is a digest of that: it opens nothing. */
export class Sessions {
  readonly #clock: Clock;
  readonly #all = new Map<string, Session>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(who: string, token: string): string {
    const now = this.#clock.elapsed();
    for (const [key, { until }] of this.#all) if (until <= now) this.#all.delete(key);
    const own = Array.from(this.#all).flatMap(([key, session]) => (session.who === who ? [key] : []));
    for (const key of own.slice(0, Math.max(0, own.length + 1 - MOST_EACH))) this.#all.delete(key);
    if (this.#all.size >= MOST) this.#makeRoom(crowdOf(who));
    const id = randomBytes(32).toString('base64url');
    this.#all.set(digest(id), { token, who, until: now + LIFETIME_MS });
    return id;
  }

  /** Of who has most, or else of all: who may make service accounts does not log all others out. */
  #makeRoom(crowd: string): void {
    const held = Array.from(this.#all, ([key, { who }]) => ({ key, who }));
    const going = givesWay(held, crowd) ?? held.find(({ who }) => crowdOf(who) === crowd) ?? held[0];
    if (going !== undefined) this.#all.delete(going.key);
  }

  /** His token; undefined: nobody's session, or over. */
  tokenOf(id: string): string | undefined {
    const session = this.#all.get(digest(id));
    return session === undefined || session.until <= this.#clock.elapsed() ? undefined : session.token;
  }

  end(id: string): void {
    this.#all.delete(digest(id));
  }
}

const digest = (id: string): string => createHash('sha256').update(id).digest('base64url');
