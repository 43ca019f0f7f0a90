import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const MODULE = JSON.stringify(new URL('./commands.ts', import.meta.url).href);

// To somebody else the folder of a sandbox that runs looks as if none did: that is no reason to say so.
test.runIf(process.getuid?.() === 0)('a sandbox of root’s is not denied to whoever may not see it', () => {
  const calls = [
    `kubeconfigPath()`,
    `kubeconfigPath('x')`,
    `exec({ namespace: 'a', pod: 'b', command: ['id'] })`,
    `enter({ name: 'x', command: ['id'] })`,
    `down()`,
  ];
  const script = `const { kubeconfigPath, exec, enter, down } = await import(${MODULE});
    process.setuid(65534);
    for (const call of [${calls.map((call) => `async () => await ${call}`).join()}])
      await call().then(console.log, (error) => console.log(error.code));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual(calls.map(() => 'E_SANDBOX_NOT_ROOT'));
});
