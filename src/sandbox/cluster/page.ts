import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Logger } from '../../base/index.ts';
import { type Cgroup, inCgroupArgv, REPOSITORY, STATE_DIR } from '../machine/index.ts';
import { KeptProcess } from './kept-process.ts';

const PORT = 4280;

/** `membrane ui` of the sandbox as a process of its own, on loopback of the machine. */
export class SandboxPage {
  readonly #process: KeptProcess;
  #port = 0;

  constructor({ cgroup, log }: { readonly cgroup: Cgroup; readonly log: Logger }) {
    this.#process = new KeptProcess({
      name: 'ui',
      argv: () =>
        inCgroupArgv(cgroup.child('ui').create().procsFile, [
          join(REPOSITORY, 'membrane'),
          'ui',
          '--port',
          String(this.#port),
        ]),
      outputFile: join(STATE_DIR, 'ui.out'),
      log,
    });
  }

  /** Where it is, or is about to be. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<void> {
    this.#port = (await freePort(PORT)) ?? (await freePort(0)) ?? PORT;
    this.#process.start();
  }

  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#process.kill(signal);
  }
}

/** Free now; whoever takes it meanwhile makes the page's process end and be started again. */
async function freePort(wanted: number): Promise<number | undefined> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  server.once('error', () => resolve(undefined));
  server.listen(wanted, '127.0.0.1', () => {
    const address = server.address();
    resolve(typeof address === 'object' && address !== null ? address.port : undefined);
  });
  const port = await promise;
  server.close();
  return port;
}
