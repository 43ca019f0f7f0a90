import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { completionScript } from './completion.ts';
import { everyCommand } from './testkit.ts';

const program = await everyCommand();

/** What the shell itself offers for the last word. */
const OFFERS = {
  bash: (words: readonly string[]) => `
    ${completionScript(program, 'bash')}
    COMP_WORDS=(membrane ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
    _membrane; echo "\${COMPREPLY[@]}"`,
  fish: (words: readonly string[]) => `
    ${completionScript(program, 'fish')}
    complete -C 'membrane ${words.join(' ')}' | string replace -r '\\t.*' ''`,
} as const;

describe.each(Object.keys(OFFERS) as (keyof typeof OFFERS)[])('%s', (shell) => {
  const isThere = spawnSync(shell, ['-c', 'true']).status === 0;
  const offered = (...words: string[]): string[] => {
    const { stdout, stderr } = spawnSync(shell, ['-c', OFFERS[shell](words)], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.split(/\s+/).filter(Boolean).sort();
  };

  test.runIf(isThere).each<[string[], string[]]>([
    [['stat'], ['status']],
    [['policy', 'tr'], ['trace']],
    [['--node', 'policy', 'endpoint', 'g'], ['get']],
    [['policy', 'trace', '--from'], ['--from']],
    [['observe', '--follow', '--from-p'], ['--from-pod']],
    [
      ['status', '--color', 'a'],
      ['always', 'auto'],
    ],
    [['completion', 'z'], ['zsh']],
  ])('%j', (words, expected) => expect(offered(...words)).toEqual(expected));

  test.runIf(isThere)('every verb, and no other word', () => {
    expect(offered('')).toEqual(program.commands.map((command) => command.name()).sort());
  });
});

test.runIf(spawnSync('zsh', ['-c', 'true']).status === 0)('zsh takes it without a word', () => {
  const script = `${completionScript(program, 'zsh')}\nprint -r -- $_comps[membrane]`;
  expect(spawnSync('zsh', ['-fc', script], { encoding: 'utf8' })).toMatchObject({
    stderr: '',
    stdout: expect.stringContaining('_membrane'),
  });
});
