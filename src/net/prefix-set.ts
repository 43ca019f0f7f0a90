import type { Addr } from './addr.ts';
import type { Prefix } from './prefix.ts';
import { PrefixMap } from './prefix-map.ts';

/** Prefixes, of which it is asked for many addresses whether one covers it. */
export class PrefixSet {
  readonly #prefixes = new PrefixMap<Prefix>();

  constructor(prefixes: Iterable<Prefix>) {
    for (const prefix of prefixes) this.#prefixes.set(prefix, prefix);
  }

  covers(addr: Addr): boolean {
    return this.longest(addr) !== undefined;
  }

  /** The longest that covers it. */
  longest(addr: Addr): Prefix | undefined {
    return this.#prefixes.longest(addr);
  }
}
