import { expect, test } from 'vitest';
import { LogStream } from './log-stream.ts';
import { createLogger } from './logging.ts';

const failure = (code: string) => Object.assign(new Error(code), { code });

/** A disk with room for so many bytes; undefined: for all. */
function disk() {
  const state: { room: number | undefined; text: string; code: string } = { room: undefined, text: '', code: 'ENOSPC' };
  const write = (_fd: number, bytes: Buffer): number => {
    const { room = bytes.length } = state;
    if (room === 0) throw failure(state.code);
    const some = bytes.subarray(0, room);
    state.text += some.toString();
    if (state.room !== undefined) state.room -= some.length;
    return some.length;
  };
  return { state, stream: new LogStream({ fd: 3, write }) };
}

test('lines that find no room are lost, counted, and told of when there is', () => {
  const { state, stream } = disk();
  stream.write('one\n');
  state.room = 0;
  for (let at = 0; at < 1_000; at += 1) stream.write('lost\n');
  state.room = undefined;
  stream.write('two\n');
  const [first, told = '', second] = state.text.trimEnd().split('\n');
  expect([first, second]).toEqual(['one', 'two']);
  expect(JSON.parse(told)).toMatchObject({ level: 40, lines: 1_000, msg: 'lines of the log could not be written' });
});

test('what comes after a line that was torn begins a line', () => {
  const { state, stream } = disk();
  state.room = 3;
  stream.write('a long line\n');
  state.room = undefined;
  stream.write('next\n');
  expect(state.text.split('\n')).toEqual(['a l', expect.stringContaining('"lines":1'), 'next', '']);
});

test('a reader that has stopped holds nobody up for long', () => {
  const { state, stream } = disk();
  [state.room, state.code] = [0, 'EAGAIN'];
  const before = performance.now();
  for (let at = 0; at < 1_000; at += 1) stream.write('nobody reads this\n');
  expect(performance.now() - before).toBeLessThan(10_000);
  [state.room, state.code] = [undefined, 'EPIPE'];
  stream.write('read\n');
  expect(state.text.endsWith('read\n')).toBe(true);
});

test('a log on a full disk ends nothing, and one that cannot be is an error at once', () => {
  const log = createLogger({ level: 'info', destination: '/dev/full' });
  for (let at = 0; at < 100; at += 1) log.info({ at }, 'x'.repeat(1_000));
  expect(() => createLogger({ level: 'info', destination: '/nonexistent/x.log' })).toThrow('ENOENT');
});
