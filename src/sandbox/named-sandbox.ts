import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sandboxErrors } from './errors.ts';
import {
  connectInNetns,
  exitCode,
  newViewArgv,
  ProcessRecords,
  REPOSITORY,
  STATE_DIR,
  safeSegment,
  takeMachineLock,
  View,
} from './machine/index.ts';

/** One folder a name, mode 0700. */
const FOLDERS = '/run/membrane-sandboxes';
const RECORD = 'sandbox';
const LOCK = '\0membrane-sandbox:';
const LOOK_MS = 50;
/** In a sandbox's state folder: where its page is. */
export const PAGE_FILE = join(STATE_DIR, 'page');
const PAGE = /^http:\/\/127\.0\.0\.1:(\d+)/;
const SERVER = /https:\/\/127\.0\.0\.1:(\d+)/;

/** How the machine reaches a sandbox. */
export type Reach = { readonly kubeconfig: string; readonly page: string };

/**
 * A sandbox beside others: it is the only one of a private view of the machine, with network, mounts, cgroup and processes
 * of its own. Its API server and its page are reached at ports of the machine's loopback.
 */
export class NamedSandbox {
  readonly name: string;
  readonly readyFile: string;
  readonly #folder: string;
  readonly #kubeconfig: string;
  readonly #records: ProcessRecords;

  /** Throws E_SANDBOX_UNSAFE_NAME. */
  constructor(name: string) {
    this.name = safeSegment(name);
    this.#folder = join(FOLDERS, this.name);
    this.#kubeconfig = join(this.#folder, 'kubeconfig');
    this.readyFile = join(this.#folder, 'ready');
    this.#records = new ProcessRecords(join(this.#folder, 'processes'));
  }

  /** Whoever runs it. */
  get pid(): number | undefined {
    return this.#records.alive().find(({ name }) => name === RECORD)?.process.pid;
  }

  /** Throws E_SANDBOX_NOT_RUNNING. */
  get kubeconfigPath(): string {
    if (this.pid === undefined || !existsSync(this.#kubeconfig)) throw this.#notRunning();
    return this.#kubeconfig;
  }

  /**
   * Runs `argv`, which brings a sandbox up, in a view of this name to its end; `onReady` once it is up. Gives its exit code.
   * Throws E_SANDBOX_RUNNING.
   */
  async run(argv: readonly string[], signal: AbortSignal, onReady: (reach: Reach) => void): Promise<number> {
    const lock = await takeMachineLock({ name: `${LOCK}${this.name}` });
    if (lock === undefined) throw this.#isRunning();
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#records.write(RECORD, process.pid);
    const [file = '', ...args] = newViewArgv(argv);
    const child = spawn(file, args, { stdio: 'inherit' });
    const end = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', end, { once: true });
    const over = new AbortController();
    try {
      const serving = this.#serve(child, over.signal, onReady);
      const [code] = await Promise.all([ended(child).finally(() => over.abort()), serving]);
      return code;
    } finally {
      end();
      rmSync(this.#folder, { recursive: true, force: true });
      await lock.release();
    }
  }

  /** Ends whoever runs it, and with that everything of it. Deleting what is gone is success. */
  async down(graceMs: number): Promise<void> {
    await this.#records.end(graceMs);
    const lock = await takeMachineLock({ name: `${LOCK}${this.name}`, waitMs: graceMs });
    if (lock === undefined) throw this.#isRunning();
    rmSync(this.#folder, { recursive: true, force: true });
    await lock.release();
  }

  /** argv that runs `argv` where the sandbox is. Throws E_SANDBOX_NOT_RUNNING. */
  enterArgv(argv: readonly string[]): string[] {
    const { pid } = this;
    const view = pid === undefined ? undefined : View.of(pid);
    if (view === undefined) throw this.#notRunning();
    return view.enterArgv(argv);
  }

  /** Makes its API server and its page reachable from the machine, once it is up and until it ends. */
  async #serve(child: ChildProcess, over: AbortSignal, onReady: (reach: Reach) => void): Promise<void> {
    for (;;) {
      if (over.aborted) return;
      const view = child.pid === undefined ? undefined : View.of(child.pid);
      if (view !== undefined && existsSync(view.path(join(STATE_DIR, 'ready')))) {
        const own = readFileSync(view.path(join(STATE_DIR, 'kubeconfig')), 'utf8');
        const door = await openDoor(view, Number(SERVER.exec(own)?.[1]));
        const pageDoor = await openDoor(view, Number(PAGE.exec(readFileSync(view.path(PAGE_FILE), 'utf8'))?.[1]));
        for (const { close } of [door, pageDoor]) over.addEventListener('abort', close, { once: true });
        const text = own
          .replace(SERVER, `https://127.0.0.1:${door.port}`)
          .replaceAll(/\bmembrane-sandbox\b/g, this.name);
        writeFileSync(this.#kubeconfig, text, { mode: 0o600 });
        // Who waits for the file reads what was said until then.
        onReady({ kubeconfig: this.#kubeconfig, page: `http://127.0.0.1:${pageDoor.port}/` });
        writeFileSync(this.readyFile, '', { mode: 0o600 });
        return;
      }
      await sleep(LOOK_MS);
    }
  }

  #isRunning(): Error {
    return sandboxErrors.make('E_SANDBOX_RUNNING', {
      detail: `named ${this.name}`,
      remedy: `Use it, end it with \`membrane sandbox down --name ${this.name}\`, or take another name.`,
    });
  }

  #notRunning(): Error {
    return sandboxErrors.make('E_SANDBOX_NOT_RUNNING', {
      detail: `named ${this.name}`,
      remedy: `Start one with \`membrane sandbox up --name ${this.name}\`.`,
    });
  }
}

/** argv of our own command line. */
export function membraneArgv(...args: readonly string[]): string[] {
  return [join(REPOSITORY, 'membrane'), ...args];
}

/** Its exit code, once it has ended. */
export async function ended(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('exit', (code, signal) => resolve(exitCode(code, signal)));
  return await promise;
}

type Door = { readonly port: number; readonly close: () => void };

/** A free port of the machine's loopback that leads to a port of the view's. */
async function openDoor(view: View, port: number): Promise<Door> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (outside) => {
    const inside = connectInNetns(view.netnsPath, '127.0.0.1', port, { allowHalfOpen: true });
    for (const [socket, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('error', () => socket.destroy());
      socket.pipe(other);
    }
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: typeof address === 'object' && address !== null ? address.port : 0, close };
}
