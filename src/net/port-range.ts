/** Ports `from` to `to`, both included, 0 to 65535. */
export type PortRange = { readonly from: number; readonly to: number };

/** `bits` leading bits of `port` are fixed, the rest is free: 8080/16 is one port, 0/0 all of them. */
export type PortPrefix = { readonly port: number; readonly bits: number };

/** The fewest port prefixes that cover exactly the range (at most 30), in ascending order. */
export function portPrefixes(range: PortRange): PortPrefix[] {
  const prefixes: PortPrefix[] = [];
  let from = range.from;
  while (from <= range.to) {
    let free = 0;
    while (free < 16 && (from & ((1 << (free + 1)) - 1)) === 0 && from + (1 << (free + 1)) - 1 <= range.to) free += 1;
    prefixes.push({ port: from, bits: 16 - free });
    from += 1 << free;
  }
  return prefixes;
}
