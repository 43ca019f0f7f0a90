import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BuiltScripts } from './built-scripts.ts';
import { CodeCache } from './code-cache.ts';

let folder: string;
const cached = (): string => join(folder, 'cache');
const put = (name: string, body: string): void =>
  writeFileSync(join(folder, name), `(function (exports, require, module, __filename, __dirname) {${body}\n})`);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mbr-scripts-'));
  put('start.js', `const b = require('./b.js'); exports.answer = (more) => b.join(__dirname, more);`);
  put('b.js', `exports.join = require('node:path').join; exports.start = () => require('./start.js');`);
});
afterEach(() => rmSync(folder, { recursive: true }));

function opened(): BuiltScripts {
  const cache = new CodeCache(cached());
  cache.open();
  return new BuiltScripts(folder, cache);
}

/** As a start of the program: whether it kept something. */
function run(more = 'x'): boolean {
  const before = statSync(cached(), { throwIfNoEntry: false })?.ino;
  const scripts = opened();
  const { answer } = scripts.load('start.js') as { answer: (more: string) => string };
  expect(answer(more)).toBe(join(folder, more));
  scripts.keep();
  return statSync(cached()).ino !== before;
}

it('runs each script once, by what others ask of it', () => {
  const scripts = opened();
  const { start } = scripts.load('b.js') as { start: () => unknown };
  expect(start()).toBe(scripts.load('start.js'));
});

it('keeps what ran, once', () => {
  const scripts = opened();
  scripts.load('start.js');
  scripts.keep();
  const { size } = statSync(cached());
  rmSync(cached());
  expect(run()).toBe(true);
  // With the function that is called now.
  expect(statSync(cached()).size).toBeGreaterThan(size);
  expect(run()).toBe(false);
});

it('runs another source of the same length, and keeps that', () => {
  run();
  writeFileSync(
    join(folder, 'b.js'),
    readFileSync(join(folder, 'b.js'), 'utf8').replace('exports.start', 'exports.begin'),
  );
  expect(opened().load('b.js')).toHaveProperty('begin');
  expect(run()).toBe(true);
  expect(run()).toBe(false);
});

it('runs what V8 refuses the code of, and keeps it anew', () => {
  run();
  const source = crc32(readFileSync(join(folder, 'start.js')));
  new CodeCache(cached()).write([{ name: 'start.js', source, code: Buffer.from('of another version') }], () => true);
  expect(run()).toBe(true);
  expect(run()).toBe(false);
});
