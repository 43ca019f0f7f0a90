import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Prefix } from '../net/index.ts';
import { PrefixIndex } from './prefix-index.ts';

const prefix = fc
  .record({
    six: fc.boolean(),
    parts: fc.tuple(fc.constantFrom(0, 1, 128, 255), fc.constantFrom(0, 1, 128), fc.constantFrom(0, 7)),
    length: fc.nat(32),
  })
  .map(({ six, parts: [a, b, c], length }) =>
    six
      ? Prefix.parse(`${(a * 256 + b).toString(16)}:${c}::/${length * 4}`, { hostBits: 'clear' })
      : Prefix.parse(`${a}.${b}.${c}.9/${length}`, { hostBits: 'clear' }),
  );

describe('PrefixIndex', () => {
  test('after any history: what is set, what covers, what lies within; and nothing when all has gone', () => {
    const step = fc.record({ prefix, remove: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.array(prefix, { minLength: 5, maxLength: 5 }),
        (steps, asked) => {
          const index = new PrefixIndex<string>();
          const all = new Map<string, Prefix>();
          for (const { prefix: own, remove } of steps) {
            if (remove) {
              index.delete(own);
              all.delete(own.toString());
            } else {
              index.set(own, own.toString());
              all.set(own.toString(), own);
            }
            expect(index.nodes).toBeLessThanOrEqual(2 * all.size);
          }
          for (const one of [...asked, ...all.values()]) {
            expect(index.get(one)).toBe(all.get(one.toString())?.toString());
            const covering = Array.from(all.values()).filter((other) => other.contains(one));
            const within = Array.from(all.values()).filter((other) => one.contains(other));
            expect([...index.covering(one)]).toEqual(covering.toSorted((a, b) => a.length - b.length).map(String));
            expect(new Set(index.within(one))).toEqual(new Set(within.map(String)));
          }
          for (const own of all.values()) index.delete(own);
          expect(index.nodes).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
