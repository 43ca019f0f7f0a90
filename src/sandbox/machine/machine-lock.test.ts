import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { takeMachineLock } from './machine-lock.ts';

const name = `\0membrane-test-${process.pid}`;

it('is held by one at a time', async () => {
  const first = await takeMachineLock({ name });
  expect(first).toBeDefined();
  expect(await takeMachineLock({ name })).toBeUndefined();
  const waiting = takeMachineLock({ name, waitMs: 60_000 });
  await first?.release();
  await first?.release();
  const second = await waiting;
  expect(second).toBeDefined();
  await second?.release();
});

it('is free again when its holder is killed', async () => {
  const file = JSON.stringify(join(import.meta.dirname, 'machine-lock.ts'));
  const script = `const { takeMachineLock } = await import(${file});
    console.log((await takeMachineLock({ name: process.argv[1].replace('@', '\\0') })) !== undefined);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, name.replace('\0', '@')]);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  expect(line.toString().trim()).toBe('true');
  expect(await takeMachineLock({ name })).toBeUndefined();
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  const lock = await takeMachineLock({ name, waitMs: 60_000 });
  expect(lock).toBeDefined();
  await lock?.release();
});
