import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { inNetnsArgv } from '../../../src/sandbox/machine/netns.ts';
import { buildNetload, NETLOAD } from '../wire/load.ts';

/** `server`: TCP; `sink`: UDP. See netload.c. */
export type Listening = { readonly kind: 'server' | 'sink'; readonly port: number };

/** A netload that waits for clients on every address of a namespace. */
export class Listener implements Disposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
  }

  /** Resolves when it listens. */
  static async on(netns: string, { kind, port }: Listening): Promise<Listener> {
    buildNetload();
    const [file = '', ...args] = inNetnsArgv(netns, [NETLOAD, kind, '0.0.0.0', String(port)]);
    const listener = new Listener(spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    try {
      await once(listener.#child.stdout, 'data', { signal: AbortSignal.timeout(5000) });
      return listener;
    } catch (error) {
      listener[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
