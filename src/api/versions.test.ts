/** A program and an agent of two versions: nothing is answered by half, and whoever asks is told what to do. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AdminApi } from './admin.ts';
import { type ApiClient, apiClient } from './client.ts';
import { AdminServer } from './server.ts';
import { fakeAdmin } from './testkit.ts';

let folder: string;
let server: AdminServer | undefined;
let web: http.Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-versions-'));
});

afterEach(async () => {
  await server?.stop();
  web?.closeAllConnections();
  web?.close();
  [server, web] = [undefined, undefined];
  rmSync(folder, { recursive: true });
});

const socketPath = (): string => join(folder, 'admin.sock');

async function agent(admin: AdminApi = fakeAdmin()): Promise<void> {
  server = new AdminServer({ admin, socketPath: socketPath() });
  await server.start();
}

/** An agent of another version, by what it answers. */
async function otherAgent(answers: Readonly<Record<string, unknown>>): Promise<ApiClient> {
  web = http.createServer(({ url = '' }, response) => {
    const path = url.split('?')[0] ?? '';
    const answer = answers[path] ?? { error: { code: 'E_API_NOT_FOUND', message: `GET ${path}`, remedy: 'none' } };
    response.statusCode = path in answers ? 200 : 404;
    const lines = Array.isArray(answer) && path === '/v1/observe' ? answer : [answer];
    response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  web.listen(socketPath(), resolve);
  await promise;
  return apiClient({ socketPath: socketPath() });
}

/** What a program of another version sends. */
async function ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<{ status: number; error: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; error: unknown }>();
  const headers = { host: 'agent', 'content-type': 'application/json', connection: 'close' };
  const request = http.request({ socketPath: socketPath(), method, path, headers }, (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on('end', () => {
      const { error } = JSON.parse(text) as { error: unknown };
      resolve({ status: response.statusCode ?? 0, error });
    });
  });
  request.on('error', reject);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return await promise;
}

describe('a program of a later version', () => {
  test.each([
    ['trace', '/v1/trace', { from: 'a/b', to: 'c/d', port: 80, path: '/admin' }, 'path'],
    ['observe', '/v1/observe', { filter: {}, last: 1, tenant: 'a' }, 'tenant'],
    ['observe', '/v1/observe', { filter: { tenant: ['a'] }, last: 1 }, 'tenant'],
  ])('is not answered a part of its question: %s', async (_, path, body, field) => {
    await agent();
    const { status, error } = await ask('POST', path, body);
    expect(status).toBe(422);
    expect(error).toMatchObject({
      code: 'E_API_REQUEST',
      message: expect.stringContaining(field),
      remedy: expect.stringMatching(/another version of .membrane./),
    });
  });

  test('is not shown all policies where it asks for some', async () => {
    await agent();
    const { status, error } = await ask('GET', '/v1/policies?tier=admin');
    expect([status, error]).toEqual([
      422,
      expect.objectContaining({ code: 'E_API_REQUEST', message: expect.stringContaining('tier') }),
    ]);
  });

  test('is told that the agent is of another version where it asks what that does not know', async () => {
    await agent();
    const { status, error } = await ask('GET', '/v1/quarantines');
    expect([status, error]).toEqual([
      404,
      expect.objectContaining({
        code: 'E_API_UNKNOWN',
        message: expect.stringContaining('GET /v1/quarantines'),
        remedy: expect.stringContaining('the same version as the agent'),
      }),
    ]);
  });
});

describe('an agent of another version', () => {
  const identity = { id: 300, kind: 'cluster', labels: ['k8s:app=web'], endpoints: 1, references: 1 };
  const ofAnotherVersion = expect.objectContaining({
    code: 'E_API_RESPONSE',
    remedy: expect.stringContaining('the same version as the agent'),
  });

  test('may say more: what is not known is passed over', async () => {
    const client = await otherAgent({ '/v1/identities': [{ ...identity, tenant: 'a' }] });
    expect(await client.identities()).toEqual([identity]);
  });

  test.each([
    ['a value that is not known', [{ ...identity, kind: 'service-account' }]],
    ['a field that is missing', [{ ...identity, references: undefined }]],
    ['another type', { identities: [identity] }],
  ])('is not believed: %s', async (_, answer) => {
    const client = await otherAgent({ '/v1/identities': answer });
    await expect(client.identities()).rejects.toThrow(ofAnotherVersion);
  });

  test('ends what it streams with what was not understood, which is not passed over', async () => {
    const lines = [
      { kind: 'lost', place: 'kernel', count: 3 },
      { kind: 'policy-change', policy: 'a/b' },
    ];
    const client = await otherAgent({ '/v1/observe': lines });
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const line of client.observe({ last: 10 })) seen.push(line);
    })();
    await expect(reading).rejects.toThrow(ofAnotherVersion);
    expect(seen).toEqual([lines[0]]);
  });

  test('has the last word about its own errors, also those that are not known here', async () => {
    web = http.createServer((_, response) => {
      response.statusCode = 422;
      response.end(JSON.stringify({ error: { code: 'E_API_TENANT', message: 'which tenant', remedy: 'Name one.' } }));
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    web.listen(socketPath(), resolve);
    await promise;
    const asking = apiClient({ socketPath: socketPath() }).nodes();
    await expect(asking).rejects.toThrow(
      expect.objectContaining({ code: 'E_API_TENANT', message: 'which tenant', remedy: 'Name one.' }),
    );
  });
});

test('of an agent with the same schemas nothing is checked, and no schema is loaded', async () => {
  await agent(fakeAdmin({ identities: [{ id: -1, kind: 'cluster', labels: [], endpoints: 0, references: 0 }] }));
  expect(await apiClient({ socketPath: socketPath() }).identities()).toMatchObject([{ id: -1 }]);
  const script = `
    const loaded = [];
    require('node:module').registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    const { apiClient } = await import(${JSON.stringify(new URL('./client.ts', import.meta.url).href)});
    await apiClient({ socketPath: ${JSON.stringify(socketPath())} }).status();
    console.log(loaded.filter((url) => /node_modules|views/.test(url)).join());`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    '--input-type=commonjs',
    '-e',
    `(async()=>{${script}})()`,
  ]);
  expect([stdout, stderr]).toEqual(['\n', '']);
});
