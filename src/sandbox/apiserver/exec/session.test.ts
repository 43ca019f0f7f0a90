import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PODS, podOf, TEST_TOKEN, TestServer } from '../testing.ts';
import { execProcess } from './child.ts';
import type { PodExec } from './process.ts';

const podExec: PodExec = async (_namespace, _name, { command: [program = '', ...args] }) =>
  execProcess(spawn(program, args));

async function start(): Promise<TestServer> {
  const api = await TestServer.start({ podExec });
  await api.post(PODS, podOf('a'));
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

/** Unmasked frames of a server, by channel. */
function channels(bytes: Buffer): Map<number, string> {
  const out = new Map<number, string>();
  let place = bytes.indexOf('\r\n\r\n') + 4;
  while (place < bytes.length) {
    const short = bytes[place + 1] ?? 0;
    const start = place + (short === 126 ? 4 : 2);
    const length = short === 126 ? bytes.readUInt16BE(place + 2) : short;
    const opcode = (bytes[place] ?? 0) & 15;
    const body = bytes.subarray(start, start + length);
    if (opcode === 2) out.set(body[0] ?? -1, (out.get(body[0] ?? -1) ?? '') + body.subarray(1).toString());
    place = start + length;
  }
  return out;
}

function masked(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x80 | body.length, 0, 0, 0, 0]), body]);
}

test('a WebSocket carries output, errors and the exit code', async () => {
  await using api = await start();
  const script = encodeURIComponent('echo out; echo err >&2; exit 7');
  const socket = upgrade(api, {
    query: `command=sh&command=-c&command=${script}&stdout=true&stderr=true`,
    headers: WEBSOCKET,
  });
  const answer = channels(await everything(socket));
  expect(answer.get(1)).toBe('out\n');
  expect(answer.get(2)).toBe('err\n');
  expect(JSON.parse(answer.get(3) ?? '')).toMatchObject({
    reason: 'NonZeroExitCode',
    details: { causes: [{ message: '7' }] },
  });
});

test('a WebSocket carries input and its end', async () => {
  await using api = await start();
  const socket = upgrade(api, { query: 'command=cat&stdin=true&stdout=true', headers: WEBSOCKET });
  await new Promise((resolve) => socket.once('readable', resolve));
  socket.write(masked(Buffer.from('\0hello')));
  socket.write(masked(Buffer.from([255, 0])));
  const answer = channels(await everything(socket));
  expect(answer.get(1)).toBe('hello');
  expect(JSON.parse(answer.get(3) ?? '')).toMatchObject({ status: 'Success' });
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
  const answer = channels(
    await everything(upgrade(api, { query: 'command=/no/such&stdout=true', headers: WEBSOCKET })),
  );
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
