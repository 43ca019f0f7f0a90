import fc from 'fast-check';
import { expect, test } from 'vitest';
import { finish } from '../base/index.ts';
import { parseAddr } from '../net/index.ts';
import { type FrontendPlace, frontendText } from './frontends.ts';
import { PlaceIndex } from './place-index.ts';

const place: fc.Arbitrary<FrontendPlace> = fc.record({
  addr: fc.integer({ min: 0, max: 7 }).map((last) => parseAddr(last === 0 ? '::' : `10.96.0.${last}`)),
  port: fc.integer({ min: 80, max: 83 }),
  protocol: fc.constantFrom(6, 17),
  scope: fc.constantFrom('inside', 'outside'),
});

test('a place has the first row that says so, and no other', () => {
  fc.assert(
    fc.property(fc.array(place), fc.array(place), (rows, asked) => {
      const key = (index: number): FrontendPlace => {
        const found = rows[index];
        if (found === undefined) throw new RangeError(`row ${index}`);
        return { ...found };
      };
      const index = finish(PlaceIndex.of({ length: rows.length, key, value: () => undefined }));
      const texts = rows.map(frontendText);
      for (const one of [...rows, ...asked]) {
        const first = texts.indexOf(frontendText(one));
        expect(index.get(one)).toBe(first < 0 ? undefined : first);
      }
    }),
  );
});
