import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export type OutputName = 'stdout' | 'stderr';

/** A line that is longer is written in parts, as container runtimes do. */
const MAX_LINE = 16 * 1024;
const NEWLINE = 0x0a;

/**
 * Writes what a container says in the form that container runtimes have for it: `<time> <stream> <F|P> <text>`, F for a
 * whole line and P for a part of one. Synchronous: /run is memory, and order and completeness are worth more than a turn.
 */
export class LogWriter {
  readonly #fd: number;
  readonly #rest: Record<OutputName, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  #isOpen = true;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Appending, so that the file may be truncated while it is written.
    this.#fd = openSync(path, 'a', 0o600);
  }

  write(output: OutputName, chunk: Buffer): void {
    if (!this.#isOpen) return;
    const head = `${logTime(Date.now())} ${output}`;
    let rest = Buffer.concat([this.#rest[output], chunk]);
    const parts: (string | Buffer)[] = [];
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      parts.push(`${head} F `, rest.subarray(0, end + 1));
      rest = rest.subarray(end + 1);
    }
    for (; rest.length >= MAX_LINE; rest = rest.subarray(MAX_LINE)) {
      parts.push(`${head} P `, rest.subarray(0, MAX_LINE), '\n');
    }
    this.#rest[output] = rest;
    this.#put(parts);
  }

  /** What came without a newline is the last. */
  end(): void {
    if (!this.#isOpen) return;
    for (const output of ['stdout', 'stderr'] as const) {
      if (this.#rest[output].length > 0) this.#put([`${logTime(Date.now())} ${output} P `, this.#rest[output], '\n']);
    }
    this.#isOpen = false;
    closeSync(this.#fd);
  }

  #put(parts: readonly (string | Buffer)[]): void {
    const bytes = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
    for (let at = 0; at < bytes.length; at += writeSync(this.#fd, bytes, at));
  }
}

/** RFC 3339 with nanoseconds, of which three digits are known. */
export function logTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000000Z`;
}
