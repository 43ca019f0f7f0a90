import { mkdtemp, rm, stat } from 'node:fs/promises';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isMembraneError, silentLogger } from '../../base/index.ts';
import { makeCertificate } from './certificate.ts';
import { createApiServer } from './server.ts';
import { podOf, TEST_TOKEN } from './testkit.ts';

const options = { database: ':memory:', token: TEST_TOKEN, log: silentLogger };

function get(port: number, path: string, ca: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TEST_TOKEN}` };
    request({ host: '127.0.0.1', port, path, ca, headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}

test('serves several listeners, its own and adopted ones, with a certificate that its authority vouches for', async () => {
  const server = createApiServer(options);
  const tls = await makeCertificate(['127.0.0.1', 'kubernetes.default.svc']);
  const own = await server.listen({ host: '127.0.0.1', port: 0, tls });
  const foreign = createServer();
  server.adopt(foreign, tls);
  await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
  const { port } = foreign.address() as AddressInfo;
  expect(await get(own.port, '/api/v1/pods', tls.ca)).toBe(200);
  expect(await get(port, '/api/v1/pods', tls.ca)).toBe(200);
  const other = await makeCertificate(['127.0.0.1']);
  await expect(get(own.port, '/healthz', other.ca)).rejects.toThrow();
  await server.close();
  foreign.close();
});

test('a port that is taken is a named error', async () => {
  const server = createApiServer(options);
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const error: unknown = await server.listen({ host: '127.0.0.1', port }).catch((e: unknown) => e);
  expect(isMembraneError(error, 'E_API_LISTEN')).toBe(true);
  await server.close();
});

test('what was stored is there after a restart, under later revisions, for its owner only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'membrane-db-'));
  const database = join(folder, 'state.sqlite');
  const first = createApiServer({ ...options, database });
  const pod = first.store.create('pods', podOf('kept'), { namespace: 'default' });
  first.store.create('pods', podOf('removed'), { namespace: 'default' });
  first.store.delete('pods', { namespace: 'default', name: 'removed' });
  const { resourceVersion } = first.store;
  expect(() => createApiServer({ ...options, database })).toThrow(/cannot be opened/);
  await first.close();
  expect((await stat(database)).mode & 0o077).toBe(0);

  const second = createApiServer({ ...options, database });
  expect(second.store.get('pods', { namespace: 'default', name: 'kept' })).toEqual(pod);
  expect(second.store.get('pods', { namespace: 'default', name: 'removed' })).toBeUndefined();
  expect(Number(second.store.resourceVersion)).toBeGreaterThanOrEqual(Number(resourceVersion));
  await second.close();
  await rm(folder, { recursive: true });
});

test('watches end when the server closes', async () => {
  const server = createApiServer(options);
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${port}/api/v1/pods?watch=true`;
  const watches = await Promise.all(
    Array.from({ length: 50 }, () => fetch(url, { headers: { authorization: `Bearer ${TEST_TOKEN}` } })),
  );
  await server.close();
  await Promise.all(watches.map((watch) => watch.text().catch(() => '')));
});
