import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cgroup, exitCode, openPipe } from '../machine/index.ts';
import type { LogWriter, OutputName } from './logs/log-writer.ts';

export type Exit = { readonly exitCode: number; readonly signal?: NodeJS.Signals };

export type ContainerProcessOptions = {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Of its own: ended as a whole. The caller removes it. */
  readonly cgroup: Cgroup;
  /** For what it says, which is read to its end; nobody hears it when left out. */
  readonly log?: LogWriter;
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
    const log = options.log;
    const outputs = log === undefined ? undefined : [new Output('stdout', log), new Output('stderr', log)];
    const [stdout = 'ignore', stderr = 'ignore'] = outputs?.map((output) => output.writer) ?? [];
    try {
      // In a session of its own: Ctrl-C at the sandbox's terminal is not for pods.
      const stdio: StdioOptions = ['ignore', stdout, stderr, 'pipe'];
      this.#child = spawn(file, args, { stdio, env: options.env, cwd: '/', detached: true });
    } finally {
      for (const output of outputs ?? []) output.closeWriter();
    }
    const exited = Promise.withResolvers<Exit>();
    this.exited = Promise.all([exited.promise, ...(outputs ?? []).map((output) => output.ended)]).then(([exit]) => {
      log?.end();
      return exit;
    });
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

/** A pipe to a log. A real one: what node makes for a child is a socket, which cannot be opened as /dev/stdout. */
class Output {
  readonly writer: number;
  /** Resolves when nobody has the writing end any more. */
  readonly ended: Promise<void>;

  constructor(name: OutputName, log: LogWriter) {
    const { reader, writer } = openPipe();
    this.writer = writer;
    const stream = new Socket({ fd: reader, readable: true, writable: false });
    this.ended = new Promise((resolve) => stream.once('close', () => resolve()));
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => log.write(name, chunk));
  }

  closeWriter(): void {
    closeSync(this.writer);
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
