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

async function read(path: string, tailLines: number | undefined): Promise<string> {
  let text = '';
  const options = { tailLines, follow: false, signal: new AbortController().signal };
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
    await writeFile(join(dir, 'x'), 'a\nb\nc\n');
    expect(await read(join(dir, 'x'), lines)).toBe(expected);
  });

  it('finds the tail of a file of many blocks', async () => {
    const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i}`);
    await writeFile(join(dir, 'x'), `${lines.join('\n')}\n`);
    expect(await read(join(dir, 'x'), 20_000)).toBe(`${lines.slice(-20_000).join('\n')}\n`);
  });

  it('is empty without a file', async () => {
    expect(await read(join(dir, 'none'), 5)).toBe('');
  });

  it('follows until it is told to stop', async () => {
    const path = join(dir, 'x');
    await writeFile(path, 'a\n');
    const end = new AbortController();
    let text = '';
    for await (const chunk of readLog(path, { tailLines: undefined, follow: true, signal: end.signal })) {
      text += Buffer.from(chunk).toString();
      if (text === 'a\n') await appendFile(path, 'b\n');
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
