import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Backoff, type Logger, systemClock } from '../../base/index.ts';
import { exitCode, REPOSITORY } from '../machine/index.ts';

export type KeptProcessOptions = {
  /** For the log. */
  readonly name: string;
  readonly argv: () => readonly string[];
  /** What it writes to its outputs. */
  readonly outputFile: string;
  readonly log: Logger;
};

/** A program of ours as a process of its own. Started again when it dies by itself. */
export class KeptProcess {
  readonly #options: KeptProcessOptions;
  readonly #backoff = new Backoff({ initial: 200, max: 5_000 });
  #child: ChildProcess | undefined;
  #wanted = false;
  #exited: Promise<void> = Promise.resolve();
  #restart = new AbortController();

  constructor(options: KeptProcessOptions) {
    this.#options = options;
  }

  /** `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it unless it runs. When this returns the process is there, which is before it is ready. */
  start(): void {
    this.#wanted = true;
    if (this.#child === undefined) this.#spawn();
  }

  /** Sends a signal and waits for the end; it stays down until `start`. Idempotent. */
  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#wanted = false;
    this.#restart.abort();
    this.#child?.kill(signal);
    await this.#exited;
  }

  #spawn(): void {
    const [file = '', ...args] = this.#options.argv();
    const output = openSync(this.#options.outputFile, 'a', 0o600);
    const child = spawn(file, args, {
      stdio: ['ignore', output, output],
      cwd: REPOSITORY,
      detached: true,
    });
    closeSync(output);
    const exited = Promise.withResolvers<number>();
    this.#child = child;
    child.once('error', () => exited.resolve(1));
    child.once('exit', (code, signal) => exited.resolve(exitCode(code, signal)));
    this.#exited = this.#follow(exited.promise);
  }

  /** To the end of the process; a wanted one is started again afterwards. */
  async #follow(exited: Promise<number>): Promise<void> {
    const startedAt = systemClock.now();
    const code = await exited;
    this.#child = undefined;
    if (!this.#wanted) return;
    this.#options.log.warn({ process: this.#options.name, code }, 'process ended; starting it again');
    void this.#spawnLater(systemClock.now() - startedAt);
  }

  async #spawnLater(ranMs: number): Promise<void> {
    if (ranMs > 30_000) this.#backoff.reset();
    this.#restart = new AbortController();
    await systemClock.sleep(this.#backoff.next(), this.#restart.signal).catch(() => undefined);
    if (this.#wanted && this.#child === undefined) this.#spawn();
  }
}
