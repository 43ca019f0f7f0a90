import type { IdentityId, PrefixSelector } from '../model/index.ts';
import type { Prefix } from '../net/index.ts';
import { PrefixIndex } from './prefix-index.ts';

/** Who is selected, now; `size` may be a guess where counting would cost. */
export type Members = Iterable<IdentityId> & {
  readonly size: number;
  has(id: IdentityId): boolean;
};

/**
 * The identities of prefixes inside one and outside some. They are looked up when they are asked for: sets of them would
 * grow with the square of what policies name.
 */
export class PrefixMembers implements Members {
  readonly size = 1;
  readonly #prefix: Prefix;
  readonly #holes = new PrefixIndex<true>();
  readonly #index: PrefixIndex<IdentityId>;
  readonly #prefixOf: (id: IdentityId) => Prefix | undefined;

  constructor(
    { prefix, except }: Pick<PrefixSelector, 'prefix' | 'except'>,
    index: PrefixIndex<IdentityId>,
    prefixOf: (id: IdentityId) => Prefix | undefined,
  ) {
    this.#prefix = prefix;
    for (const hole of except) this.#holes.set(hole, true);
    this.#index = index;
    this.#prefixOf = prefixOf;
  }

  has(id: IdentityId): boolean {
    const prefix = this.#prefixOf(id);
    return prefix !== undefined && this.#prefix.contains(prefix) && !this.#excepts(prefix);
  }

  *[Symbol.iterator](): Generator<IdentityId, void, void> {
    for (const id of this.#index.within(this.#prefix)) if (this.has(id)) yield id;
  }

  #excepts(prefix: Prefix): boolean {
    return this.#holes.nodes > 0 && this.#holes.covering(prefix).next().done !== true;
  }
}
