import { type Addr, Prefix } from '../net/index.ts';

/** Prefixes of one family by their first address, then the wider first. */
export type SortedPrefixes = { readonly length: number; at(index: number): Prefix | undefined };

const LENGTHS = 64;

/** Takes prefixes one by one; of IPv4 it keeps a number each, of which there may be hundreds of thousands. */
export class PrefixSorter {
  readonly #numbers: Float64Array;
  #count = 0;
  readonly #others: Prefix[] = [];

  /** `most`: how many it will be given at most. */
  constructor(most: number) {
    this.#numbers = new Float64Array(most);
  }

  add(prefix: Prefix): void {
    if (prefix.family === 6) {
      this.#others.push(prefix);
      return;
    }
    this.#numbers[this.#count] = Number(prefix.value) * LENGTHS + prefix.length;
    this.#count += 1;
  }

  sorted(): Readonly<Record<4 | 6, SortedPrefixes>> {
    const numbers = this.#numbers.subarray(0, this.#count).sort();
    const at = (index: number): Prefix | undefined => {
      const number = numbers[index];
      return number === undefined
        ? undefined
        : Prefix.ofValue(4, BigInt(Math.floor(number / LENGTHS)), number % LENGTHS);
    };
    const others = this.#others.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.length - b.length));
    return { 4: { length: numbers.length, at }, 6: others };
  }
}

/** Where it can be, an address that somebody may have: 0.0.0.0/8 is nobody's. */
const FIRST_USABLE = 1n << 24n;

/**
 * An address of the prefix that none of the others covers: who has the identity of a prefix has no longer one around it.
 * `others`: of its family, sorted. Undefined: they cover it.
 */
export function uncovered(prefix: Prefix, others: SortedPrefixes): Addr | undefined {
  const from = prefix.family === 4 && prefix.value + prefix.size > FIRST_USABLE ? FIRST_USABLE : 0n;
  const found = firstGap(prefix, others, from > prefix.value ? from : prefix.value);
  return found ?? (from > prefix.value ? firstGap(prefix, others, prefix.value) : undefined);
}

function firstGap(prefix: Prefix, others: SortedPrefixes, from: bigint): Addr | undefined {
  const end = prefix.value + prefix.size;
  let next = from;
  for (let at = firstFrom(others, prefix.value); at < others.length; at += 1) {
    const other = others.at(at);
    if (other === undefined || other.value > next || other.value >= end) break;
    if (other.length <= prefix.length) continue;
    const behind = other.value + other.size;
    if (behind > next) next = behind;
  }
  return next < end ? prefix.at(next - prefix.value) : undefined;
}

/** The place of the first that begins there or later. */
function firstFrom(sorted: SortedPrefixes, value: bigint): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted.at(middle)?.value ?? value) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
