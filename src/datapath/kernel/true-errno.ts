import { constants } from 'node:os';
import { ErrnoError } from './errno.ts';

const MAX_AGAIN = 8;

/** What futex(2) answers to who waits for another thread. */
const OF_WAITS: ReadonlySet<number> = new Set([
  constants.errno.EAGAIN,
  constants.errno.EINTR,
  constants.errno.ETIMEDOUT,
]);

const asked = new Uint8Array(256);

/**
 * What a system call answers, which it asks with `attr`. Errno is this thread's, and read when JavaScript runs again: where
 * the thread had to wait meanwhile it is what that wait left. Of a call that itself waits for nothing, one that failed with
 * such a number is made again, to be told the true one. Throws ErrnoError.
 */
export function trueAnswer(
  attr: Uint8Array,
  operation: string,
  { call, errno }: { readonly call: () => number; readonly errno: () => number },
): number {
  asked.set(attr);
  for (let again = MAX_AGAIN; ; again -= 1) {
    const result = call();
    if (result >= 0) return result;
    const number = errno();
    if (again === 0 || !OF_WAITS.has(number)) throw new ErrnoError(operation, number);
    // The kernel has written to it how far it came.
    attr.set(asked.subarray(0, attr.length));
  }
}
