import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

test('lines come out whole, however the bytes were cut', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/\s/g, '_'));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.integer({ min: 1, max: 7 })), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const splitter = new LineSplitter({ maxBytes: 1_000 });
      const out: string[] = [];
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const size = cuts[i % Math.max(1, cuts.length)] ?? 3;
        for (const piece of splitter.push(bytes.subarray(at, at + size)))
          if (piece.kind === 'line') out.push(piece.text);
        at += size;
      }
      expect(out).toEqual(lines.filter((text) => text !== ''));
    }),
  );
});

test('a line that is too long is skipped and told, the next one is read', () => {
  const splitter = new LineSplitter({ maxBytes: 4 });
  expect(splitter.push(Buffer.from('abc'))).toEqual([]);
  expect(splitter.push(Buffer.from('defg\nok\n'))).toEqual([
    { kind: 'too-long', bytes: 7 },
    { kind: 'line', text: 'ok' },
  ]);
  expect(splitter.push(Buffer.from('rest'))).toEqual([]);
  expect(splitter.end()).toEqual([{ kind: 'line', text: 'rest' }]);
});
