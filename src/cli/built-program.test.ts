import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HOME } from '../base/home.ts';
import { builtProgram, PROGRAM, SOURCES } from './built-program.ts';

let home: string;
const at = (path: string): string => join(home, path);
const entry = (): string => at(`${PROGRAM}/start.js`);

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mbr-built-'));
  for (const folder of ['src', PROGRAM]) mkdirSync(at(folder), { recursive: true });
  for (const name of ['a', 'b']) writeFileSync(at(`src/${name}.ts`), `export const ${name} = 1;`);
  const sources = ['src/a.ts', 'src/b.ts'].map((path) => [path, statSync(at(path)).size, statSync(at(path)).mtimeMs]);
  writeFileSync(at(`${PROGRAM}/${SOURCES}`), JSON.stringify(sources));
});
afterEach(() => rmSync(home, { recursive: true }));

it('is what was built while every source is as it was then', () => {
  expect(builtProgram(home)).toBe(entry());
});

it.each<[string, () => void]>([
  ['another length', () => writeFileSync(at('src/b.ts'), 'export const b = 22;')],
  ['another time', () => utimesSync(at('src/b.ts'), 1, 1)],
  ['no file', () => rmSync(at('src/a.ts'))],
  ['no program', () => rmSync(at(PROGRAM), { recursive: true })],
  ['a list that was cut', () => writeFileSync(at(`${PROGRAM}/${SOURCES}`), '[["src/a.ts",')],
])('is nothing with %s', (_, change) => {
  change();
  expect(builtProgram(home)).toBeUndefined();
});

it('is what was built where there are no sources to change', () => {
  writeFileSync(at(`${PROGRAM}/${SOURCES}`), '[]');
  rmSync(at('src'), { recursive: true });
  expect(builtProgram(home)).toBe(entry());
});

/** Of what is bundled, where it was before says nothing. */
it('finds files of ours by one place alone', () => {
  const byThemselves = globSync('src/**/*.ts', { cwd: HOME })
    .filter((path) => !/(?:test|testkit|fake|contract)\.ts$/.test(path))
    .filter((path) => /import\.meta\.(?:dirname|filename|url)/.test(readFileSync(join(HOME, path), 'utf8')));
  expect(byThemselves.toSorted()).toEqual(['src/base/home.ts', 'src/cli/main.ts']);
});
