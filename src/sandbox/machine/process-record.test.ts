import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identifyProcess, isAlive, ProcessRecords } from './process-record.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'membrane-proc-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('ProcessRecords', () => {
  it('ends a recorded process', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const records = new ProcessRecords(dir);
    records.write('child', child.pid ?? 0);
    expect(records.alive()).toHaveLength(1);
    const exit = once(child, 'exit');
    // Whoever does not go at the first signal would be killed by another.
    await records.end(60_000);
    expect((await exit)[1]).toBe('SIGTERM');
    expect(records.alive()).toEqual([]);
  });

  it('leaves a process alone that merely has the pid of ours', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    writeFileSync(join(dir, 'child'), JSON.stringify({ pid: child.pid, startTime: '1' }));
    await new ProcessRecords(dir).end(100);
    expect(child.exitCode).toBeNull();
    expect(child.signalCode).toBeNull();
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  });

  it('never ends the process that asks, and ignores files that are not records', async () => {
    const records = new ProcessRecords(dir);
    records.write('self', process.pid);
    writeFileSync(join(dir, 'junk'), '{"pid": -1');
    writeFileSync(join(dir, 'junk2'), 'null');
    await records.end(10);
    expect(records.alive().map((r) => r.name)).toEqual(['self']);
  });

  it('knows itself by pid and start time', () => {
    const self = identifyProcess(process.pid);
    expect(self).toMatchObject({ pid: process.pid, startTime: expect.stringMatching(/^\d+$/) });
    expect(self && isAlive(self)).toBe(true);
    expect(identifyProcess(2 ** 22 + 1)).toBeUndefined();
  });
});
