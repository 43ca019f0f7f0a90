import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeAtomically } from './atomic-writer.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-volume-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const payload = (files: Record<string, string>, mode = 0o644) =>
  new Map(Object.entries(files).map(([path, text]) => [path, { content: Buffer.from(text), mode }]));
const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
const shown = (): string[] => readdirSync(folder).filter((name) => !name.startsWith('..'));

it('shows files through one link, and swaps them all at once', async () => {
  await writeAtomically(folder, payload({ a: '1', 'deep/b': '2', old: 'x' }, 0o400));
  expect([read('a'), read('deep/b'), shown()]).toEqual(['1', '2', ['a', 'deep', 'old']]);
  expect(readlinkSync(join(folder, 'a'))).toBe('..data/a');
  expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o400);
  const before = readlinkSync(join(folder, '..data'));
  await writeAtomically(folder, payload({ a: '3', 'deep/c': '4' }));
  expect([read('a'), read('deep/c'), shown()]).toEqual(['3', '4', ['a', 'deep']]);
  expect(readdirSync(folder)).not.toContain(before);
});

it('leaves alone what is right already', async () => {
  await writeAtomically(folder, payload({ a: '1' }));
  const before = readlinkSync(join(folder, '..data'));
  await writeAtomically(folder, payload({ a: '1' }));
  expect(readlinkSync(join(folder, '..data'))).toBe(before);
  await writeAtomically(folder, payload({ a: '1' }, 0o600));
  expect(readlinkSync(join(folder, '..data'))).not.toBe(before);
});
