import { expect, it } from 'vitest';
import { summariseLog } from './verifier-log.ts';

it('keeps the end of the log without the statistics, and counts the rest', () => {
  const log = [...Array.from({ length: 20 }, (_, i) => `line ${i}`), '', 'processed 12 insns (limit 1000000)', ''].join(
    '\n',
  );
  expect(summariseLog(log, 3)).toEqual({ lines: ['line 17', 'line 18', 'line 19'], omitted: 17 });
  expect(summariseLog('one\n', 3)).toEqual({ lines: ['one'], omitted: 0 });
});
