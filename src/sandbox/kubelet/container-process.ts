import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
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

/** A process of a pod that announces itself on fd 3 (see isolation.ts). */
export class ContainerProcess {
  readonly #child: ChildProcess;
  readonly #cgroup: Cgroup;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  /** True when it became the command; false when it ended before. */
  readonly running: Promise<boolean>;

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
    this.running = firstByte(this.#child.stdio[3] as Readable | null, this.exited);
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

async function firstByte(stream: Readable | null, exited: Promise<Exit>): Promise<boolean> {
  if (stream === null) return false;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  stream.once('data', () => resolve(true));
  stream.once('end', () => resolve(false));
  stream.once('error', () => resolve(false));
  void exited.then(() => resolve(false));
  const ready = await promise;
  stream.destroy();
  return ready;
}
