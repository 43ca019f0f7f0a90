import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { configKeys as agentKeys } from '../../src/agent/main.ts';
import { everyCommand } from '../../src/cli/testkit.ts';
import { configKeys as operatorKeys } from '../../src/operator/main.ts';
import { configKeys as relayKeys } from '../../src/relay/main.ts';
import { configKeys as uiKeys } from '../../src/ui/main.ts';

const ROOT = new URL('../../', import.meta.url);

const commands = await everyCommand();
const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { scripts: object };

/** Every key of every configuration. */
export const configKeys = [...agentKeys(), ...operatorKeys(), ...relayKeys(), ...uiKeys()];
const keys = new Set(configKeys.flatMap(({ name }) => [name, name.split('.')[0] ?? name]));

/** Fields of Kubernetes objects and others' settings that our texts speak of by their names. */
const FOREIGN =
  /^(podCIDR|ipBlocks?|cniVersion|externalIPs|hostPort|hostNetwork|mountPropagation|(spec|metadata|status|securityContext)\..*)$/;

/** Whatever follows our name is a verb of ours, and its options are that verb's. What is not, as it stands there. */
export function wrongCommands(text: string): string[] {
  return [...text.matchAll(/\bmembrane((?: +[-\w<>/]+)*)/g)].flatMap(([whole, words = '']) => {
    let command = commands;
    for (const word of words.split(' ').filter((one) => one !== '')) {
      // What stands behind it is another command's.
      if (word === '--' || word === '--help') return [];
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
export function wrongKeys(text: string): string[] {
  const named = [...text.matchAll(/(?<![\w./-])[a-z]\w*(?:\.\w+)*(?![(/])/g)]
    .map(([word]) => word)
    .filter((word) => /[a-z][A-Z]/.test(word) || /^(maps|metrics|log|identity|policyLimits)\./.test(word));
  const unknown = named.filter((word) => !keys.has(word) && !FOREIGN.test(word));
  const speaks = /in the agent configuration|of the agent's configuration/.test(text);
  return speaks && named.length === 0 ? ['the configuration, without a key', ...unknown] : unknown;
}

/** Scripts of package.json. */
export function wrongScripts(text: string): string[] {
  return [...text.matchAll(/npm run ([\w:-]*\w)/g)].flatMap(([whole, name = '']) =>
    Object.hasOwn(scripts, name) ? [] : [whole],
  );
}

/** Files of this repository. */
export function wrongPaths(text: string): string[] {
  return [...text.matchAll(/(?<![\w/.-])(?:src|docs|deploy|examples|bpf|cni|tools|test)\/[\w./-]*/g)].flatMap(
    ([path]) => (existsSync(new URL(path.replace(/[.,]$/, ''), ROOT)) ? [] : [path]),
  );
}
