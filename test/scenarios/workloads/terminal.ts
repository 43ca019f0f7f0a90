import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import { Pty } from '../../../src/sandbox/machine/pty.ts';

const SIZE = { columns: 101, rows: 41 };

/** A program as a person runs it: in a terminal of its own, which shows what it says and takes what is typed. */
export class Terminal {
  readonly #pty = new Pty();
  readonly #exited: Promise<number>;
  readonly #drained: Promise<unknown>;
  #shown = '';

  constructor(argv: readonly string[], env: NodeJS.ProcessEnv) {
    this.resize(SIZE.columns, SIZE.rows);
    const { slave } = this.#pty;
    const child = spawn('setsid', ['--ctty', '--', ...argv], { stdio: [slave, slave, slave], env });
    this.#pty.closeSlave();
    this.#exited = once(child, 'exit').then(([code, signal]) => Number(code ?? `-${String(signal).length}`));
    this.#drained = once(this.#pty.output, 'end');
    this.#pty.output.on('data', (chunk: Buffer) => {
      this.#shown += chunk.toString();
    });
  }

  get shown(): string {
    return this.#shown;
  }

  /** Waits until it shows that. */
  async shows(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.#shown, { timeout: 100_000, interval: 50 }).toMatch(text);
  }

  type(text: string): void {
    this.#pty.input.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  /** The exit code, once it has ended and all that it said is shown. */
  async ended(): Promise<number> {
    const code = await this.#exited;
    await this.#drained;
    this.#pty.close();
    return code;
  }

  /** The window is closed. */
  close(): void {
    this.#pty.close();
  }
}
