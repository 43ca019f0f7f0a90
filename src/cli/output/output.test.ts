import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeText, safeJson } from './escape.ts';
import { Output, type OutputOptions } from './output.ts';
import { tableLines } from './table.ts';
import { bytes, duration } from './units.ts';
import { displayWidth, truncate } from './width.ts';

const hostile = fc.string({ unit: 'binary' });
/** What a terminal could act upon, or a person could be deceived by. */
const DANGEROUS = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;

describe('escape', () => {
  test.each([
    ['plain', 'plain'],
    ['\u001b[31mred', '\\x1b[31mred'],
    ['a\nb\rc\td', 'a\\x0ab\\x0dc\\x09d'],
    ['\u009b2J', '\\x9b2J'],
    ['user\u202etxt.exe', 'user\\u202etxt.exe'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\ud800', '\\ud800'],
    ['grün 漢字', 'grün 漢字'],
  ])('%j', (given, expected) => expect(escapeText(given)).toBe(expected));

  test('nothing dangerous is left of any text', () => {
    fc.assert(fc.property(hostile, (text) => !DANGEROUS.test(escapeText(text))));
  });

  test('safe JSON is the same JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, hostile), (value) => {
        expect(JSON.parse(safeJson(value, 2))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(safeJson(value)).not.toMatch(DANGEROUS);
      }),
    );
  });
});

describe('width', () => {
  test.each([
    ['abc', 3],
    ['漢字', 4],
    ['e\u0301', 1],
    ['🙂', 2],
    ['', 0],
  ])('%j is %d wide', (text, width) => expect(displayWidth(text)).toBe(width));

  test('truncate never exceeds its bound', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 20 }), (text, max) => {
        expect(displayWidth(truncate(escapeText(text), max))).toBeLessThanOrEqual(max);
      }),
    );
  });
});

describe('table', () => {
  const columns = [
    { title: 'NAME', value: (row: { name: string; n?: number }) => row.name, shrink: true },
    { title: 'N', value: (row: { name: string; n?: number }) => row.n, align: 'right' as const },
  ];

  test('columns line up, missing values show', () => {
    expect(tableLines(columns, [{ name: 'web', n: 10 }, { name: '漢字' }])).toEqual([
      'NAME   N',
      'web   10',
      '漢字   -',
    ]);
  });

  test('fits the terminal by cutting what may be cut', () => {
    const lines = tableLines(columns, [{ name: 'a-name-of-thirty-characters-or', n: 12_345 }], 20);
    expect(lines[1]).toBe('a-name-of-th…  12345');
  });

  test('a row is one line whatever its name is', () => {
    fc.assert(fc.property(hostile, (name) => tableLines(columns, [{ name }]).every((line) => !/[\r\n]/.test(line))));
  });
});

describe('output', () => {
  function output(settings: { tty?: boolean; env?: NodeJS.ProcessEnv; color?: OutputOptions['color'] }) {
    const written: string[] = [];
    const self = () => stream;
    const stream = {
      isTTY: settings.tty ?? false,
      columns: 80,
      write: (text: string) => written.push(text) > 0,
      once: self,
      on: self,
      off: self,
    } as unknown as ConstructorParameters<typeof Output>[0]['stream'];
    const options = () => (settings.color === undefined ? {} : { color: settings.color });
    return { written, out: new Output({ stream, env: settings.env ?? {}, options }) };
  }

  test.each([
    [{ tty: true }, true],
    [{ tty: false }, false],
    [{ tty: true, env: { NO_COLOR: '1' } }, false],
    [{ tty: true, env: { NO_COLOR: '' } }, true],
    [{ tty: true, env: { TERM: 'dumb' } }, false],
    [{ tty: true, color: false as const }, false],
    [{ tty: true, color: 'never' as const }, false],
    [{ tty: false, color: 'always' as const, env: { NO_COLOR: '1' } }, true],
    [{ tty: false, color: 'auto' as const }, false],
  ])('%j: colour %s', (settings, expected) => expect(output(settings).out.color).toBe(expected));

  test('fields: lists take lines, undefined vanishes', async () => {
    const { out, written } = output({});
    await out.fields([
      ['A', 1],
      ['Longer', ['x', 'y\u001b']],
      ['Gone', undefined],
      ['None', []],
    ]);
    expect(written.join('')).toBe('A:      1\nLonger: x\n        y\\x1b\nNone:   -\n');
  });
});

test.each([
  [0, '0s'],
  [61_000, '1m1s'],
  [3_600_000, '1h'],
  [90_061_000, '1d1h'],
])('duration %d', (ms, text) => expect(duration(ms)).toBe(text));

test.each([
  [0, '0 B'],
  [1536, '1.5 KiB'],
  [300 * 1024 * 1024, '300 MiB'],
])('bytes %d', (count, text) => expect(bytes(count)).toBe(text));
