import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAddr } from './addr.ts';
import { Prefix } from './prefix.ts';
import { PrefixMap } from './prefix-map.ts';

const addr = fc.oneof(
  fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map(([a, b, c]) => parseAddr(`${a * 85}.${a * 64}.${b}.${c}`)),
  fc.nat(7).map((last) => parseAddr(`fd00::${last}`)),
);
const prefix = fc
  .tuple(addr, fc.nat(128))
  .map(([one, length]) => Prefix.of(one, one.includes(':') ? length : length % 33));

test('finds in 1,000 maps what one prefix after the other says, whatever came and went', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(prefix, fc.boolean()), { maxLength: 12 }), prefix, addr, (steps, within, one) => {
      const map = new PrefixMap<number>();
      const there = new Map<string, { readonly prefix: Prefix; readonly step: number }>();
      for (const [step, [each, stays]] of steps.entries()) {
        map.set(each, step);
        there.set(each.toString(), { prefix: each, step });
        const other = steps[step >> 1]?.[0];
        if (stays || other === undefined) continue;
        map.delete(other);
        there.delete(other.toString());
      }
      const longest = (covers: (other: Prefix) => boolean): number | undefined =>
        Array.from(there.values())
          .filter((each) => covers(each.prefix))
          .sort((a, b) => b.prefix.length - a.prefix.length)[0]?.step;
      expect(map.longest(one)).toBe(longest((other) => other.contains(one)));
      expect(map.around(within)).toBe(longest((other) => other.contains(within)));
    }),
    { numRuns: 1_000 },
  );
});
