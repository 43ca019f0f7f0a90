import { constants } from 'node:os';
import { expect, it } from 'vitest';
import { trueAnswer } from './true-errno.ts';

const { EAGAIN, EINTR, ENOENT, ETIMEDOUT } = constants.errno;

/** Answers one after the other, negative: failed with that errno. `seen`: what it was asked with each time. */
function kernel(...answers: number[]) {
  const attr = Uint8Array.of(1, 2, 3);
  const seen: string[] = [];
  let errno = 0;
  const call = (): number => {
    seen.push(attr.join());
    const answer = answers.shift() ?? 0;
    if (answer >= 0) return answer;
    errno = -answer;
    // As bpf(2) says how many elements of a batch it has done.
    attr[2] = 99;
    return -1;
  };
  return { seen, ask: () => trueAnswer(attr, 'map batch', { call, errno: () => errno }) };
}

it('is what the kernel answered', () => {
  const { ask, seen } = kernel(7);
  expect(ask()).toBe(7);
  expect(seen).toEqual(['1,2,3']);
});

it.each([EAGAIN, EINTR, ETIMEDOUT])('asks the same once more where errno is that of a wait (%i)', (errno) => {
  const { ask, seen } = kernel(-errno, -ENOENT);
  expect(ask).toThrow(expect.objectContaining({ code: 'ENOENT', message: 'map batch: ENOENT' }));
  expect(seen).toEqual(['1,2,3', '1,2,3']);
});

it('believes a number that no wait leaves', () => {
  const { ask, seen } = kernel(-ENOENT, 7);
  expect(ask).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  expect(seen).toHaveLength(1);
});

it('does not ask for ever', () => {
  const { ask, seen } = kernel(...Array.from({ length: 100 }, () => -EAGAIN));
  expect(ask).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  expect(seen).toHaveLength(9);
});
