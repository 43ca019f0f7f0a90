import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleOf, leafOf, rotate } from '../../src/operator/certificates/index.ts';
import { connectInNetns, inNetnsArgv, type NodePlace, REPOSITORY } from '../../src/sandbox/machine/index.ts';
import type { PageMessage } from '../../src/ui/messages.ts';

const NODES = 'nodes.membrane.test';
const PORT = 4281;

/** `membrane ui` of a cluster as the install has it: a process on one of the nodes, which asks all of them by certificates of the operator. */
export class ClusterPage {
  readonly #folder = mkdtempSync(join(tmpdir(), 'membrane-page-'));
  #process: ChildProcess | undefined;
  #netns = '';
  /** What it said. */
  output = '';

  constructor() {
    const now = Date.now();
    const authorities = rotate(undefined, now);
    this.#write('ca.crt', bundleOf(authorities));
    for (const [name, commonName, usages] of [
      ['nodes', NODES, ['server']],
      ['relay', 'relay.membrane.test', ['client', 'server']],
    ] as const) {
      const { cert, key } = leafOf(authorities, { commonName, dns: [commonName], usages }, undefined, now);
      this.#write(`${name}.crt`, cert);
      this.#write(`${name}.key`, key);
    }
  }

  /** Of each agent: nobody is answered but who shows a certificate of the relay's authority. */
  get hubble() {
    const [certFile, keyFile, relayCaFile] = ['nodes.crt', 'nodes.key', 'ca.crt'].map((name) => this.#file(name));
    return { host: '0.0.0.0', port: 4244, certFile, keyFile, relayCaFile, serverName: NODES };
  }

  start({ netnsPath, agentDir, kubeconfig }: NodePlace): void {
    this.#netns = netnsPath;
    const [certFile, keyFile, caFile] = ['relay.crt', 'relay.key', 'ca.crt'].map((name) => this.#file(name));
    const config = {
      listen: { port: PORT },
      peerService: join(agentDir, 'hubble.sock'),
      nodes: { certFile, keyFile, caFile },
      kubeconfig,
    };
    this.#write('ui.json', JSON.stringify(config));
    const [command = '', ...args] = inNetnsArgv(netnsPath, [
      join(REPOSITORY, 'membrane'),
      'ui',
      '--config',
      this.#file('ui.json'),
    ]);
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (part: Buffer) => {
        this.output += part.toString();
      });
  }

  /** What who shows a token is told, as it comes, until it ends. `status`: 0 while nobody answers. */
  async look(token: string, path: string) {
    const { promise, resolve } = Promise.withResolvers<http.IncomingMessage | undefined>();
    const request = http.request({
      path,
      headers: { host: `127.0.0.1:${PORT}`, authorization: `Bearer ${token}` },
      createConnection: () => connectInNetns(this.#netns, '127.0.0.1', PORT),
    });
    request
      .on('response', resolve)
      .on('error', () => resolve(undefined))
      .end();
    const answer = await promise;
    let told = '';
    const ended = Promise.withResolvers<void>();
    answer?.on('data', (part: Buffer) => {
      told += part.toString();
    });
    answer?.on('close', ended.resolve);
    if (answer === undefined) ended.resolve();
    const messages = () =>
      told
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as PageMessage);
    return {
      status: answer?.statusCode ?? 0,
      text: () => told,
      messages,
      ended: ended.promise,
      leave: () => request.destroy(),
    };
  }

  async stop(): Promise<void> {
    const running = this.#process;
    if (running !== undefined && running.exitCode === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      running.once('exit', () => resolve());
      running.kill();
      await promise;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  #write(name: string, text: string): void {
    writeFileSync(this.#file(name), text, { mode: 0o600 });
  }
}
