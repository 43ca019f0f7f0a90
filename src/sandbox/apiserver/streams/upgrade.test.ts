import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { PODS, podOf, TEST_TOKEN, TestServer } from '../testkit.ts';
import { execProcess } from './child.ts';
import type { PodStreams } from './pod-streams.ts';

/** Told the exit code of each process. */
let exited: (code: number) => void = () => undefined;

const streams: PodStreams = {
  async exec(_namespace, _name, { command: [program = '', ...args] }) {
    const process = execProcess(spawn(program, args));
    process.exited.then(exited, () => undefined);
    return process;
  },
  attach: () => Promise.reject(new Error('nobody attaches')),
  dialer: () => Promise.reject(new Error('nobody dials')),
};

async function start(): Promise<TestServer> {
  const api = await TestServer.start({ streams });
  await api.post(PODS, podOf('a', { nodeName: 'node-1' }));
  return api;
}

type Upgrade = {
  readonly query: string;
  readonly headers: Record<string, string>;
  readonly token?: string;
  readonly pod?: string;
};

const WEBSOCKET = {
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Protocol': 'v5.channel.k8s.io',
};
const SPDY = { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'v4.channel.k8s.io' };

function upgrade(api: TestServer, { query, headers, token = TEST_TOKEN, pod = 'a' }: Upgrade): Socket {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  const lines = Object.entries({
    Host: 'sandbox',
    Connection: 'Upgrade',
    Authorization: `Bearer ${token}`,
    ...headers,
  });
  socket.write(`GET ${PODS}/${pod}/exec?${query} HTTP/1.1\r\n${lines.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n`);
  return socket;
}

async function everything(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What came over each channel until the server closed. `say`: messages to send once it is open. */
async function channels(api: TestServer, query: string, say: readonly Buffer[] = []): Promise<Map<number, string>> {
  const out = new Map<number, string>();
  const client = new WebSocket(`${api.url.replace('http', 'ws')}${PODS}/a/exec?${query}`, 'v5.channel.k8s.io', {
    headers: { Authorization: `Bearer ${TEST_TOKEN}` },
  });
  client.on('message', (message: Buffer) => {
    const [channel = -1] = message;
    out.set(channel, (out.get(channel) ?? '') + message.subarray(1).toString());
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  client.on('open', () => {
    for (const message of say) client.send(message);
  });
  client.on('close', () => resolve());
  client.on('error', reject);
  await promise;
  return out;
}

test('a WebSocket carries output, errors and the exit code', async () => {
  await using api = await start();
  const script = encodeURIComponent('echo out; echo err >&2; exit 7');
  const answer = await channels(api, `command=sh&command=-c&command=${script}&stdout=true&stderr=true`);
  expect(answer.get(1)).toBe('out\n');
  expect(answer.get(2)).toBe('err\n');
  expect(JSON.parse(answer.get(3) ?? '')).toMatchObject({
    reason: 'NonZeroExitCode',
    details: { causes: [{ message: '7' }] },
  });
});

test('a WebSocket carries input and its end', async () => {
  await using api = await start();
  const input = [Buffer.from('\0hello'), Buffer.from([255, 0])];
  const answer = await channels(api, 'command=cat&stdin=true&stdout=true', input);
  expect(answer.get(1)).toBe('hello');
  expect(JSON.parse(answer.get(3) ?? '')).toMatchObject({ status: 'Success' });
});

test('a WebSocket carries more than its buffers hold', async () => {
  await using api = await start();
  const answer = await channels(api, 'command=seq&command=1&command=300000&stdout=true');
  expect(answer.get(1)?.split('\n')).toHaveLength(300_001);
});

test('a message that is too large ends the session, and the process with it', async () => {
  await using api = await start();
  const { promise: ended, resolve } = Promise.withResolvers<number>();
  exited = resolve;
  await channels(api, 'command=cat&stdin=true&stdout=true', [Buffer.alloc(2 << 20)]).catch(() => undefined);
  expect(await ended).toBe(137);
});

test('a request that is no WebSocket after all leaves no process', async () => {
  await using api = await start();
  const { promise: ended, resolve } = Promise.withResolvers<number>();
  exited = resolve;
  const headers = { ...WEBSOCKET, 'Sec-WebSocket-Key': 'short' };
  const bytes = await everything(upgrade(api, { query: 'command=cat&stdin=true&stdout=true', headers }));
  expect(bytes.toString()).toMatch(/^HTTP\/1\.1 400 /);
  expect(await ended).toBe(137);
});

test.each<[string, Partial<Upgrade>, number]>([
  ['a wrong token', { token: 'wrong' }, 401],
  ['no command', { query: '' }, 400],
  ['an unknown pod', { pod: 'zzz' }, 404],
  ['an unknown protocol', { headers: { ...WEBSOCKET, 'Sec-WebSocket-Protocol': 'v1' } }, 400],
  ['something else than exec', { headers: { Upgrade: 'h2c' } }, 400],
])('%s is refused in HTTP', async (_name, change, status) => {
  await using api = await start();
  const bytes = await everything(upgrade(api, { query: 'command=true&stdout=true', headers: WEBSOCKET, ...change }));
  expect(bytes.toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

test('a program that is not there is told, and the server lives', async () => {
  await using api = await start();
  const answer = await channels(api, 'command=/no/such&stdout=true');
  expect(JSON.parse(answer.get(3) ?? '')).toMatchObject({
    status: 'Failure',
    message: expect.stringContaining('ENOENT'),
  });
  expect((await api.get('/healthz')).status).toBe(200);
});

test.each([
  ['WebSocket', WEBSOCKET],
  ['SPDY', SPDY],
])('random bytes after the change to %s end the session, not the server', async (_name, headers) => {
  await using api = await start();
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 100 }), async (bytes) => {
      const socket = upgrade(api, { query: 'command=cat&stdin=true&stdout=true', headers });
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('readable', resolve));
      socket.resume().end(Buffer.from(bytes));
      await new Promise((resolve) => socket.once('close', resolve));
    }),
    { numRuns: 30 },
  );
  expect((await api.get('/healthz')).status).toBe(200);
});
