import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DROP_REASON_TEXTS } from '../../src/model/index.ts';
import { errorSections } from './error-tables.ts';
import { configKeys, wrongCommands, wrongKeys, wrongPaths, wrongScripts } from './mentions.ts';

const ROOT = new URL('../../', import.meta.url);

const sections = await errorSections();

/** What the tables have is not looked for in their source again; samples are no texts of ours. */
const LISTED = ['**/*.test.ts', '**/samples.ts', '**/errors.ts', '**/drop-reason.ts'];

/** Every text that tells somebody what to do, with where it is. */
function remedies(): [string, string][] {
  const tables = sections.flatMap(({ folder, specs }) =>
    Object.entries(specs).map(([code, { remedy }]): [string, string] => [`${folder} ${code}`, remedy]),
  );
  const reasons = Object.entries(DROP_REASON_TEXTS).map(([name, { remedy }]): [string, string] => [name, remedy]);
  const literals = globSync('src/**/*.ts', { cwd: ROOT.pathname, exclude: LISTED }).flatMap((file) =>
    [...readFileSync(new URL(file, ROOT), 'utf8').matchAll(/remedy:\s*(['"`])(.*?)\1,?\s/g)].map(
      ([, , text = '']): [string, string] => [file, text],
    ),
  );
  return [...tables, ...reasons, ...literals];
}

/** What of a text names no command, option, key, script or file that there is. */
function wrong(text: string): string[] {
  return [...wrongCommands(text), ...wrongKeys(text), ...wrongScripts(text), ...wrongPaths(text)];
}

test.each(remedies())('%s: %s', (_, text) => expect(wrong(text)).toEqual([]));

describe('what is looked for is found', () => {
  test.each([
    ['Run `membrane polcy list`.', ['membrane polcy list']],
    ['Run `membrane policy list --fast`.', ['membrane policy list --fast']],
    ['Set metrics.allowEverybody.', ['metrics.allowEverybody']],
    ['Turn "enableIpv6" on.', ['enableIpv6']],
    ['Raise the quota in the agent configuration.', ['the configuration, without a key']],
    ['Run `npm run build:bpf`.', ['npm run build:bpf']],
    ['See deployment/ and deploys/x.', []],
    ['See docs/NOWHERE.md.', ['docs/NOWHERE.md.']],
    ['Use `membrane ct list -o json`, raise maps.policy, see docs/ERRORS.md.', []],
  ])('%s', (text, expected) => expect(wrong(text)).toEqual(expected));
});

test('every key of the configuration says what it is', () => {
  expect(configKeys.filter(({ description }) => description === '')).toEqual([]);
});
