import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeLock } from './lock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/mbr-lock-`);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const otherProcess = (end: string): string => `
  import { takeLock } from '${import.meta.dirname}/lock.ts';
  try { takeLock('${dir}'); console.log('taken'); } catch (e) { console.log(e.code + ' ' + e.message); }
  ${end}`;

function run(end = ''): string {
  return spawnSync(process.execPath, ['--input-type=module', '-e', otherProcess(end)], {
    encoding: 'utf8',
  }).stdout.trim();
}

describe('takeLock', () => {
  it('is refused to a second agent, who is told which process has it', () => {
    const lock = takeLock(dir);
    expect(run()).toMatch(new RegExp(`^E_AGENT_RUNNING .*process ${process.pid} `));
    expect(() => takeLock(dir)).toThrow(expect.objectContaining({ code: 'E_AGENT_RUNNING' }));
    lock.release();
    expect(run()).toBe('taken');
  });

  it('is free again after its holder was killed', () => {
    expect(run('process.kill(process.pid, "SIGKILL")')).toBe('taken');
    takeLock(dir).release();
  });

  it('says which directory it cannot use', () => {
    expect(() => takeLock('/proc/nope')).toThrow(
      expect.objectContaining({ code: 'E_AGENT_STATE', message: expect.stringContaining('/proc/nope') }),
    );
  });
});
