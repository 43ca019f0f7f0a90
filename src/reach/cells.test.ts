import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Borders, pointOf } from './cells.ts';

test('cells are all packets, and no border lies within one', () => {
  const range = fc.tuple(fc.constantFrom(6, 17, 50), fc.nat(65_535), fc.nat(65_535));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 5 }), (ranges) => {
      const borders = new Borders();
      for (const [protocol, a, b] of ranges) borders.add(protocol, Math.min(a, b), Math.max(a, b));
      const cells = [...borders.cells()];
      for (const protocol of new Set(cells.map((cell) => cell.protocol))) {
        const own = cells.filter((cell) => cell.protocol === protocol);
        expect(own[0]?.from).toBe(0);
        expect(own.at(-1)?.to).toBe(65_535);
        for (const [index, cell] of own.entries()) {
          expect(cell.from).toBe(index === 0 ? 0 : (own[index - 1]?.to ?? 0) + 1);
          expect(pointOf(cell).port).toBeGreaterThanOrEqual(cell.from);
          expect(pointOf(cell).port).toBeLessThanOrEqual(cell.to);
          for (const [number, a, b] of ranges) {
            if (number !== protocol) continue;
            const isIn = (port: number): boolean => port >= Math.min(a, b) && port <= Math.max(a, b);
            expect(isIn(cell.from)).toBe(isIn(cell.to));
          }
        }
      }
    }),
  );
});
