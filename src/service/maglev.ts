/** Usual table sizes: primes just below powers of two. One should be a hundred times the number of backends. */
export const MAGLEV_SIZES = [251, 509, 1021, 2039, 4093, 8191, 16_381, 32_749, 65_521, 131_071] as const;
export type MaglevSize = (typeof MAGLEV_SIZES)[number];

/**
 * Which backend each slot of a hash table belongs to, as an index into `names`, by Maglev (Eisenbud et al., NSDI 2016,
 * 3.4): shares differ by little, equal sets make equal tables on every node, and a backend that comes or goes moves
 * few of the others' slots. Empty for no names. Names must be distinct.
 */
export function maglevTable(names: readonly string[], size: MaglevSize): Int32Array {
  const table = new Int32Array(names.length === 0 ? 0 : size).fill(-1);
  if (names.length === 0) return table;
  // Whoever comes first takes a slot more: the order must not depend on the caller's.
  const order = names.map((_, index) => index).sort((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1));
  const next = Uint32Array.from(order, (index) => hash(names[index] ?? '', 1) % size);
  const skip = Uint32Array.from(order, (index) => (hash(names[index] ?? '', 2) % (size - 1)) + 1);
  for (let filled = 0; ; ) {
    for (let turn = 0; turn < order.length; turn += 1) {
      let slot = next[turn] ?? 0;
      while (table[slot] !== -1) slot = (slot + (skip[turn] ?? 1)) % size;
      table[slot] = order[turn] ?? 0;
      next[turn] = (slot + (skip[turn] ?? 1)) % size;
      filled += 1;
      if (filled === size) return table;
    }
  }
}

/** 32 bits: FNV-1a with the finalizer of MurmurHash3, without which names that differ in their end stay neighbours. */
function hash(text: string, seed: number): number {
  let value = Math.imul(0x811c_9dc5 ^ seed, 0x0100_0193);
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
