import { type Clock, systemClock } from '../../../base/index.ts';
import type { Pod } from '../../client/index.ts';
import type { TokenSource } from './project.ts';

/** Asks the API server for a token of a service account that ends with a pod. Throws what it refuses. */
export type IssueToken = (
  account: { readonly namespace: string; readonly name: string },
  request: {
    readonly audiences: readonly string[];
    readonly expirationSeconds: number;
    readonly bound: { readonly kind: 'Pod'; readonly name: string; readonly uid: string };
  },
) => { readonly token: string };

type Held = { readonly token: string; readonly renewAt: number };

/** A token is asked for anew when so much of its life is over, or a day has gone. */
const RENEW_AFTER = 0.8;
const RENEW_AFTER_MS = 24 * 3_600_000;

/** The tokens of a node's pods: each is kept until it is due for another. */
export class PodTokens {
  readonly #issue: IssueToken;
  readonly #clock: Clock;
  readonly #held = new Map<string, Map<string, Held>>();

  constructor(issue: IssueToken, clock: Clock = systemClock) {
    this.#issue = issue;
    this.#clock = clock;
  }

  sourceFor({ metadata, spec }: Pod): TokenSource {
    const { namespace, name, uid } = metadata;
    return ({ audience, expirationSeconds }) => {
      const held = this.#held.get(uid) ?? new Map<string, Held>();
      this.#held.set(uid, held);
      const key = JSON.stringify([audience, expirationSeconds]);
      const now = this.#clock.now();
      const known = held.get(key);
      if (known !== undefined && now < known.renewAt) return known.token;
      const { token } = this.#issue(
        { namespace, name: spec.serviceAccountName },
        { audiences: audience === '' ? [] : [audience], expirationSeconds, bound: { kind: 'Pod', name, uid } },
      );
      const life = Math.min(expirationSeconds * 1_000 * RENEW_AFTER, RENEW_AFTER_MS);
      held.set(key, { token, renewAt: now + life });
      return token;
    };
  }

  forget(uid: string): void {
    this.#held.delete(uid);
  }
}
