import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cgroup, exitCode } from '../machine/index.ts';
import type { ContainerStreams } from './streams/container-streams.ts';

export type Exit = { readonly exitCode: number; readonly signal?: NodeJS.Signals };

export type ContainerProcessOptions = {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Of its own: ended as a whole. The caller removes it. */
  readonly cgroup: Cgroup;
  /** What it says is read to its end; nobody hears it when left out. */
  readonly streams?: ContainerStreams;
};

const READY = '.';

/** A process of a pod that announces itself on fd 3 (see isolation.ts). */
export class ContainerProcess {
  readonly #child: ChildProcess;
  readonly #cgroup: Cgroup;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  /** Undefined when it became the command, else why it did not. Never rejects. */
  readonly failure: Promise<string | undefined>;

  constructor(options: ContainerProcessOptions) {
    const [file = '', ...args] = options.argv;
    this.#cgroup = options.cgroup;
    const { streams } = options;
    try {
      // In a session of its own: Ctrl-C at the sandbox's terminal is not for pods.
      const stdio: StdioOptions = [...(streams?.child ?? ['ignore', 'ignore', 'ignore']), 'pipe'];
      this.#child = spawn(file, args, { stdio, env: options.env, cwd: '/', detached: true });
    } finally {
      streams?.closeChild();
    }
    const exited = Promise.withResolvers<Exit>();
    this.exited = Promise.all([exited.promise, streams?.ended]).then(([exit]) => exit);
    this.#child.once('error', () => exited.resolve({ exitCode: 128 }));
    this.#child.once('exit', (code, signal) => {
      exited.resolve({ exitCode: exitCode(code, signal), ...(signal !== null && { signal }) });
    });
    this.failure = failureOf(this.#child);
  }

  /** Of the outermost process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Pid, as seen from here, of the first process of the container's own pid namespace; 0 when there is none. */
  initPid(): number {
    try {
      const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8');
      return Number(children.trim().split(' ')[0] ?? 0);
    } catch {
      return 0;
    }
  }

  /** SIGTERM to the container's first process; SIGKILL to all of it after the grace, or once `force` is aborted. */
  async stop(graceMs: number, force: AbortSignal): Promise<void> {
    const init = this.initPid();
    if (graceMs > 0 && init > 0 && !force.aborted) {
      try {
        process.kill(init, 'SIGTERM');
      } catch {
        // It ended in between.
      }
      const patience = new AbortController();
      const signal = AbortSignal.any([force, patience.signal]);
      await Promise.race([this.exited, sleep(graceMs, undefined, { signal }).catch(() => undefined)]);
      patience.abort();
    }
    this.#cgroup.kill();
    // It may be on its way into the cgroup still.
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

/** Of what it says at fd 3, whose other end is closed by whatever becomes of it. */
async function failureOf(child: ChildProcess): Promise<string | undefined> {
  const failed = Promise.withResolvers<string>();
  child.once('error', (error) => failed.resolve(error.message));
  const stream = child.stdio[3] as Readable | null | undefined;
  if (stream === null || stream === undefined) return failed.promise;
  const said = await Promise.race([text(stream).catch(() => ''), failed.promise]);
  if (said === READY) return undefined;
  return said.startsWith(READY) ? said.slice(READY.length) : said || 'it was ended before it ran';
}
