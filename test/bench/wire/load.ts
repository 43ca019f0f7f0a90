import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { run } from '../../../src/sandbox/machine/command.ts';
import { inNetnsArgv, netnsPath } from '../../../src/sandbox/machine/netns.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SOURCE = join(import.meta.dirname, 'netload.c');
export const NETLOAD = join(ROOT, 'build/netload');
const PORT = '5201';

export const LOADS = ['stream', 'rr', 'crr'] as const;
export type Load = (typeof LOADS)[number];

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Compiles it when its source is newer. */
export function buildNetload(): void {
  if (modified(NETLOAD) > modified(SOURCE)) return;
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  execFileSync('gcc', ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-o', NETLOAD, SOURCE], { stdio: 'inherit' });
}

/** A way between two namespaces. */
export type Path = {
  readonly client: string;
  readonly server: string;
  readonly serverAddr: string;
  /** Both ends are held to this one of the machine's processors; without it they run where the scheduler puts them. */
  readonly processor?: number;
  close(): Promise<void>;
};

/** The command that runs netload, held to a processor. */
export const netload = (args: readonly string[], processor?: number): string[] => [
  ...(processor === undefined ? [] : ['taskset', '--cpu-list', String(processor)]),
  NETLOAD,
  ...args,
];

/** A path with a server at its end. */
export class LoadedPath implements AsyncDisposable {
  readonly #path: Path;
  readonly #server: ChildProcessByStdio<Writable, Readable, null>;

  private constructor(path: Path, server: ChildProcessByStdio<Writable, Readable, null>) {
    this.#path = path;
    this.#server = server;
  }

  /** Owns the path from now on. */
  static async on(path: Path): Promise<LoadedPath> {
    buildNetload();
    const [file = '', ...args] = inNetnsArgv(
      netnsPath(path.server),
      netload(['server', path.serverAddr, PORT], path.processor),
    );
    const server = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const loaded = new LoadedPath(path, server);
    try {
      await once(server.stdout, 'data', { signal: AbortSignal.timeout(5000) });
    } catch (error) {
      await loaded[Symbol.asyncDispose]();
      throw error;
    }
    return loaded;
  }

  /** stream: bytes a second; rr: exchanges a second; crr: connections a second. */
  async measure(load: Load, seconds: number): Promise<number> {
    const argv = netload([load, String(seconds), this.#path.serverAddr, PORT], this.#path.processor);
    return Number(await run(inNetnsArgv(netnsPath(this.#path.client), argv), { timeoutMs: (seconds + 10) * 1000 }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.exitCode === null) {
      const exit = once(this.#server, 'exit');
      this.#server.stdin.end();
      // A server in the middle of a connection does not look at its standard input.
      const timer = setTimeout(() => this.#server.kill('SIGKILL'), 500);
      await exit;
      clearTimeout(timer);
    }
    await this.#path.close();
  }
}
