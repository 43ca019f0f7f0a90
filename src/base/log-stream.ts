import { writeSync } from 'node:fs';

/** A reader that is slow gets a second; one that has stopped must not stop whoever writes, and gets it once. */
const PATIENCE = { turns: 100, eachMs: 10 } as const;
const WARN = 40;

export type LogStreamOptions = {
  readonly fd: number;
  /** A line of the log as it is shown. Default: as it is. */
  readonly shown?: (line: string) => string;
  /** Writes what it can and says how much. Default: the system's. */
  readonly write?: (fd: number, bytes: Buffer) => number;
};

/**
 * Writes lines as they come. One that cannot be written (the disk is full, nobody reads any more) is lost, and told of when
 * lines can be: nothing ends because it cannot say what it does.
 */
export class LogStream {
  readonly #o: Required<LogStreamOptions>;
  #lost = 0;
  /** The last line is there in part. */
  #isTorn = false;

  constructor({ fd, shown = (line) => line, write = writeSync }: LogStreamOptions) {
    this.#o = { fd, shown, write };
  }

  write(line: string): void {
    try {
      if (this.#lost > 0) this.#put(lossOf(this.#lost));
      this.#lost = 0;
      this.#put(line);
    } catch {
      this.#lost += 1;
    }
  }

  #put(line: string): void {
    let left = Buffer.from(`${this.#isTorn ? '\n' : ''}${this.#o.shown(line)}`);
    for (let turns = 0; left.length > 0; turns += 1) {
      const written = this.#some(left, this.#lost > 0 || turns >= PATIENCE.turns);
      this.#isTorn = written < left.length;
      left = left.subarray(written);
    }
  }

  #some(bytes: Buffer, isLast: boolean): number {
    const { fd, write } = this.#o;
    try {
      return write(fd, bytes);
    } catch (error) {
      if (isLast || (error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PATIENCE.eachMs);
      return 0;
    }
  }
}

const lossOf = (lines: number): string =>
  `${JSON.stringify({ level: WARN, time: Date.now(), lines, msg: 'lines of the log could not be written' })}\n`;
