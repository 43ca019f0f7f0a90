import { expect, test } from 'vitest';
import { terminalLine } from './terminal-log.ts';

const line = (event: object) =>
  `${JSON.stringify({ level: 30, time: Date.parse('2026-01-02T03:04:05.006'), ...event })}\n`;

test('a line of the log as people read it: time of day, level by name, what and which', () => {
  expect(terminalLine(line({ node: 'node-1', restored: { ready: 2 }, msg: 'agent serves' }))).toBe(
    '03:04:05.006 INFO  agent serves node=node-1 restored={"ready":2}\n',
  );
  expect(terminalLine(line({ level: 50, msg: 'agent ends', error: 'no such file' }))).toBe(
    '03:04:05.006 ERROR agent ends error="no such file"\n',
  );
});

test('what tenants name reaches no terminal as it is', () => {
  expect(terminalLine(line({ pod: 'web\u001b]0;x\u0007\u202e\u009b', msg: 'm' }))).toMatch(
    /pod="web\\u001b\]0;x\\u0007\\u202e\\u009b"\n$/,
  );
});

test('what is no event stays as it is', () => expect(terminalLine('oh\n')).toBe('oh\n'));
