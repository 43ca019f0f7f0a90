import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { LogLines, type LogSelection } from './log-lines.ts';
import { LogWriter } from './log-writer.ts';

const LINES = Buffer.from(
  '2026-01-01T00:00:01.000000000Z stdout F one\n' +
    '2026-01-01T00:00:02.000000000Z stderr P tw\n' +
    '2026-01-01T00:00:02.500000000Z stderr F o\n' +
    '2026-01-01T00:00:03.000000000Z stdout F  three with spaces\n' +
    '2026-01-01T00:00:04.000000000Z stdout F \n',
);

it.each<[Partial<LogSelection>, string]>([
  [{}, 'one\ntwo\n three with spaces\n\n'],
  [{ since: Date.parse('2026-01-01T00:00:03Z') }, ' three with spaces\n\n'],
  [{ since: Date.parse('2027-01-01T00:00:00Z') }, ''],
  [
    { timestamps: true, since: Date.parse('2026-01-01T00:00:02Z') },
    '2026-01-01T00:00:02.000000000Z two\n2026-01-01T00:00:03.000000000Z  three with spaces\n2026-01-01T00:00:04.000000000Z \n',
  ],
])('%j, however the file is cut', (selection, expected) => {
  for (const size of [1, 7, 1_000]) {
    const lines = new LogLines({ since: undefined, timestamps: false, ...selection });
    let out = '';
    for (let at = 0; at < LINES.length; at += size) out += lines.read(LINES.subarray(at, at + size)).toString();
    expect(out).toBe(expected);
  }
});

it('gives back every byte that was written, lines of two streams apart', () => {
  const folder = mkdtempSync(join(tmpdir(), 'membrane-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const writer = new LogWriter(join(folder, 'deep/x'));
  const long = 'x'.repeat(40_000);
  writer.write('stdout', Buffer.from('half a '));
  writer.write('stderr', Buffer.from('error\n'));
  writer.write('stdout', Buffer.from(`line\n${long}\nno newline`));
  writer.end();
  writer.write('stdout', Buffer.from('too late'));
  const lines = new LogLines({ since: undefined, timestamps: false });
  expect(lines.read(readFileSync(join(folder, 'deep/x'))).toString()).toBe(`error\nhalf a line\n${long}\nno newline`);
});
