import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { drained } from './transport.ts';

/** What is written waits until it is let go. */
function blocked() {
  let go = (): void => undefined;
  const socket = new Duplex({
    highWaterMark: 1,
    read: () => undefined,
    write: (_chunk, _encoding, done) => {
      go = done;
    },
  });
  socket.on('error', () => undefined);
  socket.write('more than it holds');
  return { socket, go: () => go() };
}

describe('drained', () => {
  it.each([
    ['what was written is gone', ({ go }) => go()],
    ['the socket is closed', ({ socket }) => socket.destroy()],
    ['the socket fails', ({ socket }) => socket.destroy(new Error('ECONNRESET'))],
  ] satisfies [string, (it: ReturnType<typeof blocked>) => void][])('ends its wait when %s', async (_when, happen) => {
    const it = blocked();
    const wait = drained(it.socket);
    happen(it);
    await expect(wait).resolves.toBeUndefined();
  });
});
