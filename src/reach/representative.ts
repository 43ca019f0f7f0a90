import type { Addr, Prefix } from '../net/index.ts';

/** In the order of `uncovered`. */
export function sortedPrefixes(prefixes: Iterable<Prefix>): Prefix[] {
  return Array.from(prefixes).sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.length - b.length));
}

/** Where it can be, an address that somebody may have: 0.0.0.0/8 is nobody's. */
const FIRST_USABLE = 1n << 24n;

/**
 * An address of the prefix that none of the others covers: who has the identity of a prefix has no longer one around it.
 * `others`: of its family, sorted. Undefined: they cover it.
 */
export function uncovered(prefix: Prefix, others: readonly Prefix[]): Addr | undefined {
  const from = prefix.family === 4 && prefix.value + prefix.size > FIRST_USABLE ? FIRST_USABLE : 0n;
  const found = firstGap(prefix, others, from > prefix.value ? from : prefix.value);
  return found ?? (from > prefix.value ? firstGap(prefix, others, prefix.value) : undefined);
}

function firstGap(prefix: Prefix, others: readonly Prefix[], from: bigint): Addr | undefined {
  const end = prefix.value + prefix.size;
  let next = from;
  for (let at = firstFrom(others, prefix.value); at < others.length; at += 1) {
    const other = others[at];
    if (other === undefined || other.value > next || other.value >= end) break;
    if (other.length <= prefix.length) continue;
    const behind = other.value + other.size;
    if (behind > next) next = behind;
  }
  return next < end ? prefix.at(next - prefix.value) : undefined;
}

/** The place of the first that begins there or later. */
function firstFrom(sorted: readonly Prefix[], value: bigint): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.value ?? value) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
