import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isMembraneError } from '../base/index.ts';
import { TestCertificates } from '../base/test-certificates.ts';
import { FakeClock } from '../base/testkit.ts';
import { authorityFile, combined, staticToken } from './access/credentials.ts';
import { KubeClient } from './client.ts';
import { FakeApiServer } from './fake.ts';
import { NODE, POD } from './resources/index.ts';

let server: FakeApiServer;
let client: KubeClient;

beforeEach(async () => {
  server = new FakeApiServer();
  client = new KubeClient(await server.start());
});

afterEach(async () => {
  client.close();
  await server.stop();
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isMembraneError(error) ? error.code : String(error)),
  );

test('paths, verbs and content types', async () => {
  const ref = { resource: POD, namespace: 'a', name: 'b/../c' };
  await client.get(ref);
  await client.create({ resource: NODE }, {});
  await client.update(ref, {}, 'status');
  await client.patch(ref, { a: 1 });
  await client.delete(ref, { gracePeriodSeconds: 0 });
  expect(server.requests).toEqual([
    'GET /api/v1/namespaces/a/pods/b%2F..%2Fc',
    'POST /api/v1/nodes',
    'PUT /api/v1/namespaces/a/pods/b%2F..%2Fc/status',
    'PATCH /api/v1/namespaces/a/pods/b%2F..%2Fc',
    'DELETE /api/v1/namespaces/a/pods/b%2F..%2Fc?gracePeriodSeconds=0',
  ]);
  expect(new Set(server.authorizations)).toEqual(new Set(['Bearer t']));
});

test('version', async () => expect(await client.version()).toBe('v1.0.0-fake'));

test('the time by the server, in every answer', async () => {
  expect(client.clockAhead).toBeUndefined();
  await client.version();
  // A server that is late with its own work is late with the second, too.
  expect(Math.abs(client.clockAhead ?? Number.NaN)).toBeLessThan(600_000);
  server.faults = { ahead: 3_600_000 };
  await client.version();
  // However long the answer took.
  expect(client.clockAhead).toBeLessThan(-3_000_000);
  server.faults = { ahead: -3_600_000, status: { code: 500, times: 1 } };
  await client.version().catch(() => undefined);
  expect(client.clockAhead).toBeGreaterThan(3_000_000);
});

describe('errors have codes', () => {
  test.each([
    [401, 'E_KUBE_UNAUTHORIZED'],
    [403, 'E_KUBE_FORBIDDEN'],
    [404, 'E_KUBE_NOT_FOUND'],
    [409, 'E_KUBE_CONFLICT'],
    [410, 'E_KUBE_GONE'],
    [422, 'E_KUBE_INVALID'],
    [429, 'E_KUBE_SERVER'],
    [500, 'E_KUBE_SERVER'],
    [504, 'E_KUBE_TIMEOUT'],
  ])('%d', async (code, expected) => {
    server.faults = { status: { code, times: 2 } };
    expect(await codeOf(client.get({ resource: NODE, name: 'n' }))).toBe(expected);
  });

  test('no answer, a broken connection, nobody there', async () => {
    server.faults = { silent: 1 };
    expect(await codeOf(client.request({ method: 'GET', path: '/x', timeoutMs: 30 }))).toBe('E_KUBE_TIMEOUT');
    server.faults = { resets: 1 };
    expect(await codeOf(client.version())).toBe('no error');
    server.faults = { resets: 1 };
    expect(await codeOf(client.create({ resource: NODE }, {}))).toBe('E_KUBE_UNREACHABLE');
    server.faults = { resets: 2 };
    expect(await codeOf(client.version())).toBe('E_KUBE_UNREACHABLE');
    await server.stop();
    expect(await codeOf(client.version())).toBe('E_KUBE_UNREACHABLE');
    server = new FakeApiServer();
    await server.start();
  });

  test('the time for an answer begins with the question, however far that gets', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const swallows = createServer().listen(0, '127.0.0.1');
    await once(swallows, 'listening');
    const { port } = swallows.address() as AddressInfo;
    // The handshake of TLS never ends, and when the time is over not even the connection stands.
    const at = new URL(`https://127.0.0.1:${port}`);
    const lost = new KubeClient({ server: at, insecure: false, credentials: staticToken('t'), namespace: 'default' });
    try {
      const answer = codeOf(lost.request({ method: 'GET', path: '/x', timeoutMs: 3_600_000 }));
      await vi.advanceTimersByTimeAsync(3_600_000);
      expect(await answer).toBe('E_KUBE_TIMEOUT');
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
      lost.close();
      swallows.close();
    }
  });

  test('an abort is told as it was given', async () => {
    server.faults = { silent: 1 };
    const reason = new Error('enough');
    await expect(client.version(AbortSignal.any([AbortSignal.abort(reason)]))).rejects.toBe(reason);
  });
});

test('a cluster that gets another authority is believed by the new one, and no file without one is', async () => {
  using certificates = new TestCertificates();
  certificates.authority('old', 'new');
  const signed = (by: string) => {
    certificates.sign('server', { by, alternatives: 'IP:127.0.0.1' });
    return { cert: readFileSync(certificates.file('server.crt')), key: readFileSync(certificates.file('server.key')) };
  };
  const secure = https.createServer(signed('old'), (_request, response) => {
    response.writeHead(200, { connection: 'close' }).end('{"gitVersion":"v1"}');
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  const caFile = certificates.file('ca.crt');
  const authority = (name: string) => writeFileSync(caFile, readFileSync(certificates.file(`${name}.crt`)));
  authority('old');
  const clock = new FakeClock(1);
  const connection = {
    server: new URL(`https://127.0.0.1:${(secure.address() as AddressInfo).port}`),
    ca: readFileSync(caFile, 'utf8'),
    insecure: false,
    credentials: combined([staticToken('t'), authorityFile(caFile, clock)]),
    namespace: 'default',
  };
  const own = new KubeClient(connection);
  try {
    expect(await own.version()).toBe('v1');
    writeFileSync(caFile, 'half of a');
    await clock.advance(61_000);
    expect(await own.version()).toBe('v1');
    secure.setSecureContext(signed('new'));
    expect(await codeOf(own.version())).toBe('E_KUBE_UNREACHABLE');
    authority('new');
    await clock.advance(61_000);
    expect(await own.version()).toBe('v1');
  } finally {
    own.close();
    secure.close();
  }
});
