import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAddr } from './addr.ts';
import { Prefix } from './prefix.ts';
import { PrefixSet } from './prefix-set.ts';

const addr = fc.oneof(
  fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map(([a, b, c]) => parseAddr(`10.${a * 64}.${b}.${c}`)),
  fc.nat(7).map((last) => parseAddr(`fd00::${last}`)),
);
const prefix = fc
  .tuple(addr, fc.nat(128))
  .map(([one, length]) => Prefix.of(one, one.includes(':') ? length : length % 33));

test('says of 1,000 sets what one prefix after the other says', () => {
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 8 }), addr, (prefixes, one) => {
      const covering = prefixes.filter((each) => each.contains(one)).sort((a, b) => b.length - a.length);
      const set = new PrefixSet(prefixes);
      expect(set.covers(one)).toBe(covering.length > 0);
      expect(set.longest(one)?.toString()).toBe(covering[0]?.toString());
    }),
    { numRuns: 1_000 },
  );
});

test('a prefix of all IPv6 covers no IPv4', () => {
  expect(new PrefixSet([Prefix.parse('::/0')]).covers(parseAddr('10.0.0.1'))).toBe(false);
});
