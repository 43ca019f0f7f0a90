import { type Addr, addrFamily, addrValue } from './addr.ts';
import { Prefix } from './prefix.ts';

/** Prefixes, of which it is asked for many addresses whether one covers it: a look-up a length that occurs. */
export class PrefixSet {
  readonly #byLength = new Map<
    string,
    { readonly family: 4 | 6; readonly length: number; readonly values: Set<bigint> }
  >();

  constructor(prefixes: Iterable<Prefix>) {
    for (const { family, length, value } of prefixes) {
      const key = `${family}/${length}`;
      const known = this.#byLength.get(key) ?? { family, length, values: new Set<bigint>() };
      this.#byLength.set(key, known);
      known.values.add(value);
    }
  }

  covers(addr: Addr): boolean {
    return this.longest(addr) !== undefined;
  }

  /** The longest that covers it. */
  longest(addr: Addr): Prefix | undefined {
    const family = addrFamily(addr);
    const value = addrValue(addr);
    const bits = family === 4 ? 32 : 128;
    let best = -1;
    for (const one of this.#byLength.values()) {
      if (one.family !== family || one.length <= best) continue;
      const rest = BigInt(bits - one.length);
      if (one.values.has((value >> rest) << rest)) best = one.length;
    }
    return best < 0 ? undefined : Prefix.of(addr, best);
  }
}
