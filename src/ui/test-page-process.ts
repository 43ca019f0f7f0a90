import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { HOME } from '../base/home.ts';
import type { Subject } from '../observe/index.ts';

type PageProcessOptions = {
  /** Has the certificates, by their names. */
  readonly file: (name: string) => string;
  readonly peerService: string;
  /** Whose a token is. */
  readonly identify: (token: string) => Subject | undefined;
};

/** `membrane ui` of a cluster as the install has it: a process of its own, that nodes know by a certificate of relays. */
export class PageProcess {
  readonly #o: PageProcessOptions;
  #api: Server | undefined;
  #process: ChildProcess | undefined;
  #said = '';

  constructor(options: PageProcessOptions) {
    this.#o = options;
  }

  /** Where it is, once it serves. */
  async start(): Promise<string> {
    const { file, peerService } = this.#o;
    const kubeconfig = file('kubeconfig');
    writeFileSync(kubeconfig, kubeconfigOf(await this.#answerReviews()));
    const listen = {
      port: 0,
      certFile: file('server.crt'),
      keyFile: file('server.key'),
      clientCaFile: file('users.crt'),
    };
    const nodes = { certFile: file('relay.crt'), keyFile: file('relay.key'), caFile: file('ca.crt') };
    writeFileSync(file('ui.json'), JSON.stringify({ listen, peerService, nodes, kubeconfig }));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const running = spawn(join(HOME, 'membrane'), ['ui', '--config', file('ui.json')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = running;
    for (const stream of [running.stdout, running.stderr])
      stream.on('data', (part: Buffer) => {
        this.#said += part.toString();
        const [url] = /https:\/\/\S+\/(?=\n)/.exec(this.#said) ?? [];
        if (url !== undefined) resolve(url);
      });
    running.on('exit', () => reject(new Error(`the page has ended: ${this.#said}`)));
    return await promise;
  }

  async stop(): Promise<void> {
    const running = this.#process;
    if (running !== undefined && running.exitCode === null && running.kill()) await once(running, 'exit');
    this.#api?.close();
    this.#api?.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { spec } = (await json(request)) as { spec: { token: string } };
    const subject = this.#o.identify(spec.token);
    const user = subject === undefined ? undefined : { username: subject.name, groups: subject.groups };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ status: { authenticated: user !== undefined, user } }));
  }

  /** All that the page asks of an API server. */
  async #answerReviews(): Promise<string> {
    const api = createServer((request, response) => void this.#answer(request, response));
    this.#api = api;
    api.listen(0, '127.0.0.1');
    await once(api, 'listening');
    return `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  }
}

const kubeconfigOf = (server: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server } }],
    users: [{ name: 'page', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'page' } }],
    'current-context': 'test',
  });
