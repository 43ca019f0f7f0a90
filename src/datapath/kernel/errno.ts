import { constants } from 'node:os';

const names = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));

// It has two names, and this is the one of the manual pages.
names.set(constants.errno.EAGAIN, 'EAGAIN');

/** Linux numbers that node:os does not name. */
const ENOTSUPP = 524;

export type Errno = string;

/** `ENOENT` for 2; the number in decimal when it has no name. libbpf's own errors begin at 4001. */
export function errnoName(number: number): Errno {
  if (number === ENOTSUPP) return 'ENOTSUPP';
  return names.get(number) ?? String(number);
}

/** What a system call answered. Internal to the datapath: callers of the folder see a MembraneError with this as cause. */
export class ErrnoError extends Error {
  override readonly name = 'ErrnoError';
  readonly errno: number;
  readonly code: Errno;

  constructor(operation: string, errno: number) {
    const code = errnoName(errno);
    super(`${operation}: ${code}`);
    this.errno = errno;
    this.code = code;
  }
}

export function hasErrno(error: unknown, ...codes: readonly string[]): error is ErrnoError {
  return error instanceof ErrnoError && codes.includes(error.code);
}
