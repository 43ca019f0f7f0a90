import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RotatingFile } from './rotating-file.ts';

let folder: string;
let path: string;
const opened: RotatingFile[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-export-'));
  path = join(folder, 'flows.jsonl');
});
afterEach(async () => {
  for (const file of opened.splice(0)) await file.close();
  rmSync(folder, { recursive: true, force: true });
});

const read = (name = 'flows.jsonl') => readFileSync(join(folder, name), 'utf8');
const mode = (at: string) => statSync(at).mode & 0o777;

function make(options: { path?: string; maxBytes?: number; keep?: number } = {}): RotatingFile {
  const file = new RotatingFile({ path, maxBytes: 1_000, keep: 2, ...options });
  opened.push(file);
  return file;
}

it('adds lines to what there is, for its owner only', async () => {
  writeFileSync(path, 'before\n', { mode: 0o644 });
  chmodSync(path, 0o644);
  const file = make();
  await file.append(['one', 'two']);
  await file.append(['three']);
  expect(read()).toBe('before\none\ntwo\nthree\n');
  expect(mode(path)).toBe(0o600);
});

it('makes the folder, for its owner only', async () => {
  const deep = join(folder, 'a/b/flows.jsonl');
  await make({ path: deep }).append(['one']);
  expect([mode(deep), mode(join(folder, 'a/b'))]).toEqual([0o600, 0o700]);
});

it('puts aside what is full, and keeps so many', async () => {
  const file = make({ maxBytes: 10 });
  for (const line of ['11111', '2222', '333', '4444444', '55555']) await file.append([line]);
  expect(readdirSync(folder).toSorted()).toEqual(['flows.jsonl', 'flows.jsonl.1', 'flows.jsonl.2']);
  expect([read(), read('flows.jsonl.1'), read('flows.jsonl.2')]).toEqual(['55555\n', '4444444\n', '2222\n333\n']);
});

it('keeps none where none is to be kept', async () => {
  const file = make({ maxBytes: 10, keep: 0 });
  for (const line of ['11111', '22222']) await file.append([line]);
  expect(readdirSync(folder)).toEqual(['flows.jsonl']);
  expect(read()).toBe('22222\n');
});

it('counts what an earlier life wrote, and ends its last line', async () => {
  writeFileSync(path, '{"flow":{"ti');
  const file = make({ maxBytes: 20 });
  await file.append(['12345']);
  expect(read()).toBe('{"flow":{"ti\n12345\n');
  await file.append(['6']);
  expect([read(), read('flows.jsonl.1')]).toEqual(['6\n', '{"flow":{"ti\n12345\n']);
});

it('begins anew what somebody moved away or removed', async () => {
  const file = make();
  await file.append(['one']);
  renameSync(path, join(folder, 'moved'));
  await file.append(['two']);
  expect([read(), read('moved')]).toEqual(['two\n', 'one\n']);
  rmSync(path);
  await file.append(['three']);
  expect(read()).toBe('three\n');
});

it.each<[string, () => void, RegExp]>([
  [
    'a link to a file of somebody',
    () => {
      writeFileSync(join(folder, 'other'), '');
      symlinkSync(join(folder, 'other'), path);
    },
    /ELOOP/,
  ],
  [
    'another name of a file of somebody',
    () => {
      writeFileSync(join(folder, 'other'), '');
      linkSync(join(folder, 'other'), path);
    },
    /has another name/,
  ],
  ['a folder', () => mkdirSync(path), /EISDIR/],
  ['a folder that others write in', () => chmodSync(folder, 0o777), /may be written by others/],
])('does not write to %s', async (_, prepare, why) => {
  prepare();
  await expect(make().append(['one'])).rejects.toThrow(why);
  if (readdirSync(folder).includes('other')) expect(read('other')).toBe('');
});

it('does not write to a device', async () => {
  await expect(make({ path: '/dev/null' }).append(['one'])).rejects.toThrow(/is no file|belongs to|may be written/);
});

it('takes up again where it could not write', async () => {
  mkdirSync(path);
  const file = make();
  await expect(file.append(['one'])).rejects.toThrow('EISDIR');
  rmSync(path, { recursive: true });
  await file.append(['two']);
  expect(read()).toBe('two\n');
});
