import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const LEAN = join(import.meta.dirname, 'lean-http.ts');

/** Whether undici is loaded once node:http was imported. */
function loadsUndici(before: string): boolean {
  const script = `${before}; await import('node:http'); console.log(process.moduleLoadList.join('\\n'))`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stdout).toContain('NativeModule http');
  return stdout.includes('NativeModule internal/deps/undici/undici');
}

it('keeps what imports node:http from loading undici, as it would by itself', () => {
  expect(loadsUndici('')).toBe(true);
  expect(loadsUndici(`(await import('${LEAN}')).leaveUndiciOut()`)).toBe(false);
});
