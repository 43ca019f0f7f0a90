import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CodeCache } from './code-cache.ts';

let folder: string;
const path = (): string => join(folder, 'below', 'agent');
const [A, B] = [Buffer.from('what V8 made of a'), Buffer.from('and of b')];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mbr-code-'));
  new CodeCache(path()).write(
    [
      { name: 'a.js', source: 1, code: A },
      { name: 'b.js', source: 2, code: B },
    ],
    () => true,
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Of both scripts. */
function found(): (string | undefined)[] {
  const cache = new CodeCache(path());
  cache.open();
  const codes = [cache.codeOf('a.js', 1), cache.codeOf('b.js', 2)];
  cache.close();
  return codes.map((code) => code?.toString());
}

it('has what was written of these sources and no other', () => {
  expect(found()).toEqual([A.toString(), B.toString()]);
  const cache = new CodeCache(path());
  cache.open();
  expect(cache.codeOf('a.js', 2)).toBeUndefined();
  expect(cache.codeOf('c.js', 1)).toBeUndefined();
  cache.close();
  expect(cache.codeOf('a.js', 1)).toBeUndefined();
});

it('keeps of others what is wanted', () => {
  const cache = new CodeCache(path());
  cache.open();
  cache.write([{ name: 'a.js', source: 1, code: B }], () => true);
  expect(found()).toEqual([B.toString(), B.toString()]);
  cache.write([{ name: 'a.js', source: 1, code: A }], (name) => name !== 'b.js');
  cache.close();
  expect(found()).toEqual([A.toString(), undefined]);
});

it.each<[string, (text: string) => string, (string | undefined)[]]>([
  ['another version of Node.js', (text) => text.replace('"v', '"w'), [undefined, undefined]],
  ['another beginning', (text) => `x${text}`, [undefined, undefined]],
  ['a head longer than the file', (text) => `9${text.slice(1)}`, [undefined, undefined]],
  ['a head that is none', (text) => text.replace('{', '['), [undefined, undefined]],
  ['no bytes', () => '', [undefined, undefined]],
  ['a letter of the code turned', (text) => text.replace('V8', 'V9'), [undefined, B.toString()]],
])('has nothing with %s', (_, change, left) => {
  writeFileSync(path(), change(readFileSync(path(), 'latin1')), 'latin1');
  expect(found()).toEqual(left);
});

it('has nothing that was cut off', () => {
  truncateSync(path(), readFileSync(path()).length - 1);
  expect(found()).toEqual([A.toString(), undefined]);
});

it('does without a place to write to', () => {
  writeFileSync(join(folder, 'file'), '');
  const cache = new CodeCache(join(folder, 'file', 'agent'));
  cache.open();
  expect(() => cache.write([], () => true)).not.toThrow();
});
