import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Addr, Prefix, parseAddr } from '../net/index.ts';
import { PrefixSorter, uncovered } from './representative.ts';

/** Of 1.2.0.0/24 or fd00::/120: each of its addresses can be looked at. */
const prefix = fc
  .tuple(fc.boolean(), fc.nat(255), fc.nat(8))
  .map(([is4, last, rest]) =>
    is4
      ? Prefix.of(parseAddr(`1.2.0.${last}`), 32 - rest)
      : Prefix.of(parseAddr(`fd00::${last.toString(16)}`), 128 - rest),
  );

const addresses = (of: Prefix): Addr[] => Array.from({ length: Number(of.size) }, (_, offset) => of.at(BigInt(offset)));

test('gives of 1,000 prefixes the first address that no longer one covers', () => {
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 12 }), prefix, (others, asked) => {
      const sorter = new PrefixSorter(others.length);
      for (const other of others) sorter.add(other);
      const covers = (other: Prefix, addr: Addr): boolean => other.length > asked.length && other.contains(addr);
      const first = addresses(asked).find((addr) => !others.some((other) => covers(other, addr)));
      expect(uncovered(asked, sorter.sorted()[asked.family])).toBe(first);
    }),
    { numRuns: 1_000 },
  );
});
