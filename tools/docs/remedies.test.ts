import { existsSync, globSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { configKeys as agentKeys } from '../../src/agent/main.ts';
import { everyCommand } from '../../src/cli/testkit.ts';
import { DROP_REASON_TEXTS } from '../../src/model/index.ts';
import { configKeys as operatorKeys } from '../../src/operator/main.ts';
import { configKeys as relayKeys } from '../../src/relay/main.ts';
import { configKeys as uiKeys } from '../../src/ui/main.ts';
import { errorSections } from './error-tables.ts';

const ROOT = new URL('../../', import.meta.url);

const commands = await everyCommand();
const sections = await errorSections();
const configKeys = () => [...agentKeys(), ...operatorKeys(), ...relayKeys(), ...uiKeys()];
const keys = new Set(configKeys().flatMap(({ name }) => [name, name.split('.')[0] ?? name]));
const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { scripts: object };

/** Fields of Kubernetes objects and others' settings that our texts speak of by their names. */
const FOREIGN =
  /^(podCIDR|ipBlocks?|cniVersion|externalIPs|hostPort|hostNetwork|mountPropagation|(spec|metadata|status|securityContext)\..*)$/;

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

/** Whatever follows our name is a verb of ours, and its options are that verb's. */
function wrongCommands(text: string): string[] {
  return [...text.matchAll(/\bmembrane((?: +[-\w<>/]+)*)/g)].flatMap(([whole, words = '']) => {
    let command = commands;
    for (const word of words.split(' ').filter((one) => one !== '')) {
      const next = command.commands.find((one) => one.name() === word);
      if (next !== undefined) command = next;
      else if (word.startsWith('--') && !optionsOf(command).includes(word)) return [whole];
      else if (command === commands) return word === 'help' ? [] : [whole];
    }
    return [];
  });
}

function optionsOf(command: Command): string[] {
  const own = command.options.map(({ long }) => long ?? '');
  return command.parent === null ? own : [...own, ...optionsOf(command.parent)];
}

/** A word in camelCase is a key of the configuration, and whoever speaks of the configuration names one. */
function wrongKeys(text: string): string[] {
  const named = [...text.matchAll(/(?<![\w./-])[a-z]\w*(?:\.\w+)*(?![(/])/g)]
    .map(([word]) => word)
    .filter((word) => /[a-z][A-Z]/.test(word) || /^(maps|metrics|log|identity|policyLimits)\./.test(word));
  const unknown = named.filter((word) => !keys.has(word) && !FOREIGN.test(word));
  const speaks = /in the agent configuration|of the agent's configuration/.test(text);
  return speaks && named.length === 0 ? ['the configuration, without a key', ...unknown] : unknown;
}

function wrongScripts(text: string): string[] {
  return [...text.matchAll(/npm run ([\w:]+)/g)].flatMap(([whole, name = '']) =>
    Object.hasOwn(scripts, name) ? [] : [whole],
  );
}

/** Files of this repository. */
function wrongPaths(text: string): string[] {
  return [...text.matchAll(/(?<![\w/.-])(?:src|docs|deploy|examples|bpf|cni|tools|test)\/[\w./-]*/g)].flatMap(
    ([path]) => (existsSync(new URL(path.replace(/[.,]$/, ''), ROOT)) ? [] : [path]),
  );
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
  expect(configKeys().filter(({ description }) => description === '')).toEqual([]);
});
