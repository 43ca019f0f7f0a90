import { expect, test } from 'vitest';
import { VERBS } from './gen/verbs.ts';
import { addCalledVerb, emptyProgram } from './program.ts';
import { idleContext } from './testkit.ts';

async function loadedFor(words: readonly string[]): Promise<string[]> {
  const program = emptyProgram();
  await addCalledVerb(program, idleContext(), words);
  return program.commands.map((command) => command.name());
}

test.each<[string[], string]>([
  [['endpoint', 'list', '-o', 'json'], 'endpoint'],
  [['-o', 'json', 'endpoint', 'list'], 'endpoint'],
  [['--node', 'policy', 'endpoint', 'get', '5'], 'endpoint'],
  [['sandbox', 'exec', 'a/b', '--', 'status'], 'sandbox'],
  [['status', '--help'], 'status'],
])('the verb that is called is loaded, and no other: %j', async (words, verb) => {
  expect(await loadedFor(words)).toEqual([verb]);
});

test.each([[[]], [['--help']], [['help', 'status']], [['polic']], [['--fast', 'status']], [['constructor']]])(
  'all are where none is called that there is, to be listed or suggested: %j',
  async (words) => expect(await loadedFor(words)).toEqual(Object.keys(VERBS)),
);

test('every verb is named as its file', async () => {
  for (const verb of Object.keys(VERBS)) expect(await loadedFor([verb])).toEqual([verb]);
});
