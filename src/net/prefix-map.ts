import { type Addr, addrFamily, addrValue, type Family } from './addr.ts';
import type { Prefix } from './prefix.ts';

type OfLength<V> = { readonly length: number; readonly values: Map<number | bigint, V> };

const IPV4_BITS = 32;

/** Values by prefix. What covers an address is found with a look-up a length that occurs, longest first, and without a text. */
export class PrefixMap<V> {
  readonly #byFamily: Readonly<Record<Family, OfLength<V>[]>> = { 4: [], 6: [] };

  set({ family, value, length }: Prefix, entry: V): void {
    const all = this.#byFamily[family];
    let of = all.find((one) => one.length === length);
    if (of === undefined) {
      of = { length, values: new Map() };
      all.push(of);
      all.sort((a, b) => b.length - a.length);
    }
    of.values.set(family === 4 ? Number(value) : value, entry);
  }

  delete({ family, value, length }: Prefix): void {
    const all = this.#byFamily[family];
    const at = all.findIndex((one) => one.length === length);
    const values = all[at]?.values;
    values?.delete(family === 4 ? Number(value) : value);
    if (values?.size === 0) all.splice(at, 1);
  }

  /** Of the longest prefix around the address. */
  longest(addr: Addr): V | undefined {
    const family = addrFamily(addr);
    if (this.#byFamily[family].length === 0) return undefined;
    const value = addrValue(addr);
    return this.#find(family, value, family === 4 ? IPV4_BITS : 128);
  }

  /** Of the longest prefix around the whole of this one, itself among them. */
  around({ family, value, length }: Prefix): V | undefined {
    return this.#find(family, value, length);
  }

  #find(family: Family, value: bigint, most: number): V | undefined {
    const number = family === 4 ? Number(value) : 0;
    for (const { length, values } of this.#byFamily[family]) {
      if (length > most) continue;
      const found = values.get(family === 4 ? networkOf(number, length) : networkOf6(value, length));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** By arithmetic: shifting by 32 does nothing. */
function networkOf(value: number, length: number): number {
  return value - (value % 2 ** (IPV4_BITS - length));
}

function networkOf6(value: bigint, length: number): bigint {
  const rest = BigInt(128 - length);
  return (value >> rest) << rest;
}
