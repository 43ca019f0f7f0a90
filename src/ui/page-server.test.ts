import { createServer } from 'node:http';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lifecycle, type Logger, silentLogger } from '../base/index.ts';
import type { Door } from './door.ts';
import { PageServer, type PageServerOptions } from './page-server.ts';

const FOREVER_MS = 24 * 3_600_000;
const PATIENT = { headersMs: FOREVER_MS, requestMs: FOREVER_MS, checkedEveryMs: 10, silent: 64 };
const HALF_A_HEAD = 'GET / HTTP/1.1\r\nhost: local';

/** Of somebody who has to log in, and never can. */
const CLOSED: Door = {
  enter: async () => await Promise.reject(new Error('/etc/secret says no')),
  login: { begin: async () => await Promise.reject(new Error('/etc/secret says no')), end: () => undefined },
};

describe("the page's server", () => {
  const lifecycles: Lifecycle[] = [];
  const sockets: net.Socket[] = [];
  /** Errors that the log has. */
  let logged: unknown[];

  beforeEach(() => {
    logged = [];
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const lifecycle of lifecycles.splice(0)) await lifecycle.stop();
  });

  async function serve(options: Partial<PageServerOptions>): Promise<PageServer> {
    const log: Logger = { ...silentLogger, error: (fields: unknown) => void logged.push(fields) };
    const server = new PageServer({
      door: CLOSED,
      host: '127.0.0.1',
      port: 0,
      version: '1',
      log,
      files: new Map(),
      ...options,
    });
    const lifecycle = new Lifecycle({ log: silentLogger });
    lifecycles.push(lifecycle);
    await lifecycle.start(server);
    return server;
  }

  /** Who says so much and no more. `closed`: what he was told until then. */
  function say(port: number, text: string) {
    const socket = net.connect({ host: '127.0.0.1', port });
    sockets.push(socket);
    const closed = Promise.withResolvers<string>();
    const connected = Promise.withResolvers<void>();
    let told = '';
    socket.on('connect', () => {
      if (text !== '') socket.write(text);
      connected.resolve();
    });
    socket.on('data', (part) => {
      told += part.toString();
    });
    socket.on('error', () => undefined).on('close', () => closed.resolve(told));
    return { closed: closed.promise, connected: connected.promise, isClosed: () => socket.closed };
  }
  const portOf = ({ url }: PageServer): number => Number(new URL(url).port);

  it.each([
    ['no head', { headersMs: 20 }, HALF_A_HEAD],
    [
      'no body',
      { headersMs: 20, requestMs: 20 },
      'POST /api/login HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    ],
  ])('waits for nobody who says %s, sooner than a server that gives 20 s', async (_, limits, text) => {
    const usual = createServer(
      { headersTimeout: 20_000, requestTimeout: 20_000, connectionsCheckingInterval: 10 },
      () => undefined,
    );
    const bound = Promise.withResolvers<void>();
    usual.listen(0, '127.0.0.1', bound.resolve);
    await bound.promise;
    const { port } = usual.address() as net.AddressInfo;
    const there = say(port, text);
    const here = say(portOf(await serve({ limits: { ...PATIENT, ...limits } })), text);
    const first = await Promise.race([
      here.closed.then((told) => `here: ${told.slice(0, 12)}`),
      there.closed.then(() => 'there'),
    ]);
    usual.close();
    usual.closeAllConnections();
    expect(first).toBe('here: HTTP/1.1 408');
  });

  it('closes who is silent longest when there are too many', async () => {
    const port = portOf(await serve({ limits: { ...PATIENT, silent: 2 } }));
    const first = say(port, '');
    await first.connected;
    const second = say(port, '');
    await second.connected;
    const third = say(port, '');
    expect(await first.closed).toBe('');
    expect([second.isClosed(), third.isClosed()]).toEqual([false, false]);
  });

  it('tells nobody what has failed inside, but for its log', async () => {
    const { url } = await serve({});
    for (const [path, init] of [
      ['api/view', {}],
      ['api/why', {}],
      ['api/verify', {}],
      [
        'api/login',
        {
          method: 'POST',
          headers: { origin: url.slice(0, -1), 'content-type': 'application/json' },
          body: '{"token":"t"}',
        },
      ],
    ] as const) {
      const answer = await fetch(url + path, init);
      expect([answer.status, await answer.json()], path).toEqual([
        500,
        { error: { code: 'E_UI_INTERNAL', message: 'the page failed', remedy: 'Its log says why.' } },
      ]);
      expect(logged.pop(), path).toEqual({ path: `/${path}`, error: '/etc/secret says no' });
    }
  });
});
