import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readYamlFile, yamlDocuments } from './yaml.ts';

const refuse = (detail: string): Error => new Error(`refused: ${detail}`);
const folder = mkdtempSync(join(tmpdir(), 'membrane-yaml-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('documents in their order, without empty ones', () => {
  expect(yamlDocuments('a: 1\n---\n# nothing\n---\n{"b": [2]}\n', refuse)).toEqual([{ a: 1 }, { b: [2] }]);
  expect(yamlDocuments('', refuse)).toEqual([]);
});

const billion = `a: &a [x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: [*c,*c,*c,*c,*c,*c,*c,*c,*c]
`;

test.each([
  ['what is not YAML', 'a: [', /flow sequence/i],
  ['a key that stands twice', 'a: 1\na: 2', /unique/],
  ['aliases of aliases', billion, /alias/],
  ['an alias of nothing', 'a: *b', /alias/],
  ['too much', 'x'.repeat((16 << 20) + 1), /larger than/],
])('refuses %s', (_, text, message) => {
  expect(() => yamlDocuments(text, refuse)).toThrow(/^refused: /);
  expect(() => yamlDocuments(text, refuse)).toThrow(message);
});

test('reads a file, and no more of one than is bounded', async () => {
  const path = join(folder, 'a.yaml');
  writeFileSync(path, 'ä: 1\n');
  expect(await readYamlFile(path, refuse)).toBe('ä: 1\n');
  await expect(readYamlFile('/dev/zero', refuse)).rejects.toThrow(/^refused: larger than/);
  await expect(readYamlFile(folder, refuse)).rejects.toThrow(/^refused: .*EISDIR/);
  await expect(readYamlFile(join(folder, 'none'), refuse)).rejects.toThrow(/^refused: .*ENOENT/);
});
