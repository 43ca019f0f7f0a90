import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limitLogs, readLog } from './log-files.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'membrane-log-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const ALL = { since: undefined, timestamps: false };
const line = (text: string): string => `2026-01-01T00:00:00.000000000Z stdout F ${text}\n`;

async function read(path: string, tailLines: number | undefined): Promise<string> {
  let text = '';
  const options = { ...ALL, tailLines, follow: false, isOver: () => true, signal: new AbortController().signal };
  for await (const chunk of readLog(path, options)) text += Buffer.from(chunk).toString();
  return text;
}

describe('readLog', () => {
  it.each([
    [undefined, 'a\nb\nc\n'],
    [0, ''],
    [1, 'c\n'],
    [2, 'b\nc\n'],
    [9, 'a\nb\nc\n'],
  ])('tail %s', async (lines, expected) => {
    await writeFile(join(dir, 'x'), ['a', 'b', 'c'].map(line).join(''));
    expect(await read(join(dir, 'x'), lines)).toBe(expected);
  });

  it('finds the tail of a file of many blocks', async () => {
    const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i}`);
    await writeFile(join(dir, 'x'), lines.map(line).join(''));
    expect(await read(join(dir, 'x'), 20_000)).toBe(`${lines.slice(-20_000).join('\n')}\n`);
  });

  it('is empty without a file', async () => {
    expect(await read(join(dir, 'none'), 5)).toBe('');
  });

  it.each(['it is told to stop', 'the log is over'])('follows until %s', async (why) => {
    const path = join(dir, 'x');
    await writeFile(path, line('a'));
    const end = new AbortController();
    let isOver = false;
    let text = '';
    const options = { ...ALL, tailLines: undefined, follow: true, isOver: () => isOver, signal: end.signal };
    for await (const chunk of readLog(path, options)) {
      text += Buffer.from(chunk).toString();
      if (text === 'a\n') await appendFile(path, line('b'));
      else if (why === 'the log is over') isOver = true;
      else end.abort();
    }
    expect(text).toBe('a\nb\n');
  });
});

describe('limitLogs', () => {
  it('empties what is too large and leaves the rest', async () => {
    await writeFile(join(dir, 'large'), 'x'.repeat(100));
    await writeFile(join(dir, 'small'), 'x');
    await limitLogs(dir, 50);
    expect((await stat(join(dir, 'large'))).size).toBe(0);
    expect((await stat(join(dir, 'small'))).size).toBe(1);
  });
});
