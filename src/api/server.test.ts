import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isMembraneError } from '../base/index.ts';
import type { Flow, FlowMessage } from '../model/index.ts';
import { type ApiClient, apiClient } from './client.ts';
import { ROUTES } from './routes.ts';
import { AdminServer } from './server.ts';
import { fakeAdmin } from './testkit.ts';
import type { ConnectionView } from './views/connection.ts';
import type { PolicyView } from './views/policy.ts';

let folder: string;
let socketPath: string;
const running: AdminServer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'membrane-api-'));
  socketPath = join(folder, 'node-1', 'admin.sock');
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function serve(admin = fakeAdmin(), path = socketPath): Promise<ApiClient> {
  const server = new AdminServer({ admin, socketPath: path });
  running.push(server);
  await server.start();
  return apiClient({ socketPath: path });
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isMembraneError(error) ? error.code : String(error)),
  );

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of source) all.push(value);
  return all;
}

const flow: Flow = {
  time: 1_700_000_000_000.25,
  node: 'node-1',
  type: 'drop',
  verdict: 'dropped',
  dropReason: 'policy-ingress',
  direction: 'ingress',
  source: { addr: '10.244.1.2', port: 40_000, identity: 300, labels: ['k8s:app=\u001b[31mevil'] },
  destination: { addr: '10.244.1.3', port: 80, identity: 301, labels: [], namespace: 'a', pod: 'b', endpoint: 2 },
  protocol: 'TCP',
  tcpFlags: ['SYN'],
  rules: {},
  isReply: false,
  length: 60,
  ifindex: 7,
  hook: 'to-pod',
};

describe('socket', () => {
  test('only its owner opens it, and nothing else is left in the folder', async () => {
    await serve();
    const { mode } = await stat(socketPath);
    expect(mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, 'node-1'))).toEqual(['admin.sock']);
  });

  test('a second live agent is refused, and the first goes on', async () => {
    const client = await serve();
    expect(await codeOf(serve())).toBe('E_API_AGENT_RUNNING');
    expect((await client.status()).node).toBe('node-1');
    expect(await readdir(join(folder, 'node-1'))).toEqual(['admin.sock']);
  });

  test('what takes its time is said to be under way, and for how long is bounded', async () => {
    const answer = Promise.withResolvers<void>();
    const admin = fakeAdmin();
    const status = admin.status;
    admin.status = async () => {
      await answer.promise;
      return await status();
    };
    const server = new AdminServer({ admin, socketPath, signsOfLife: { everyMs: 5, mostMs: 15 } });
    running.push(server);
    await server.start();
    const asked = http.get({ socketPath, path: ROUTES.status.path });
    const told: number[] = [];
    asked.on('information', ({ statusCode }) => told.push(statusCode));
    await expect.poll(() => told).toEqual([102, 102, 102]);
    // As many again would have come of a server that never stops.
    const later = http.get({ socketPath, path: ROUTES.status.path });
    const toldLater: number[] = [];
    later.on('information', ({ statusCode }) => toldLater.push(statusCode));
    await expect.poll(() => toldLater).toEqual([102, 102, 102]);
    expect(told).toEqual([102, 102, 102]);
    const answers = [asked, later].map(async (one) => await once(one, 'response'));
    answer.resolve();
    for (const [response] of await Promise.all(answers)) {
      expect((response as http.IncomingMessage).statusCode).toBe(200);
      (response as http.IncomingMessage).resume();
    }
  });

  test('connections that say nothing keep nobody out', async () => {
    const client = await serve();
    const idle = Array.from({ length: 300 }, () => connect(socketPath).on('error', () => undefined));
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    expect((await client.status()).node).toBe('node-1');
    for (const socket of idle) socket.destroy();
  });

  test('a dead agent leaves a socket that is replaced', async () => {
    await serve(fakeAdmin(), join(folder, 'node-1', 'other.sock'));
    const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect((await stat(socketPath)).isSocket()).toBe(true);
    expect((await (await serve()).status()).ready).toBe(true);
  });

  test('of agents that start together exactly one wins', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => codeOf(serve())));
    expect(results.filter((result) => result === 'no error')).toHaveLength(1);
    expect(new Set(results)).toEqual(new Set(['no error', 'E_API_AGENT_RUNNING']));
  });

  test('what is not a socket is not touched', async () => {
    await serve(fakeAdmin(), join(folder, 'node-1', 'other.sock'));
    await writeFile(socketPath, 'precious');
    expect(await codeOf(serve())).toBe('E_API_SOCKET');
  });

  test('a path that is too long is refused', async () => {
    expect(await codeOf(serve(fakeAdmin(), join(folder, 'x'.repeat(120), 'admin.sock')))).toBe('E_API_SOCKET');
  });

  test('stop removes the socket and ends streams', async () => {
    const client = await serve(
      fakeAdmin({}, async function* (_, signal) {
        yield [{ kind: 'flow', flow }] as const;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      }),
    );
    const lines = client.observe({ follow: true });
    expect((await lines.next()).value).toMatchObject({ kind: 'flow' });
    await running.splice(0)[0]?.stop();
    expect((await lines.next()).done).toBe(true);
    expect(await codeOf(client.status())).toBe('E_API_UNREACHABLE');
  });
});

describe('answers', () => {
  test('no two routes are one place', () => {
    const places = Object.values(ROUTES).map(({ method, path }) => `${method} ${path}`);
    expect(new Set(places).size).toBe(places.length);
  });

  test('what is asked for in a query is told from what is not', async () => {
    const client = await serve();
    const id = 'no number' as unknown as number;
    expect(await codeOf(client.identity({ id }))).toBe('E_API_REQUEST');
    expect(await codeOf(client.endpoint({ id }))).toBe('E_API_REQUEST');
    expect(await codeOf(client.policies({ knd: 'x' } as { kind?: string }))).toBe('E_API_REQUEST');
    await expect(client.endpoint({ namespace: 'a', pod: 'b' })).rejects.toThrow('endpoint of pod a/b');
  });

  test('lists and gets come back as they were', async () => {
    const admin = fakeAdmin({
      identities: [{ id: 300, kind: 'cluster', labels: ['k8s:a=b'], endpoints: 1, references: 2 }],
    });
    const client = await serve(admin);
    expect(await client.identities()).toEqual(admin.state.identities);
    expect(await client.identity({ id: 300 })).toEqual(admin.state.identities[0]);
    expect(await client.services()).toEqual({ enabled: false, items: [] });
    expect(await client.metrics()).toBe('membrane_endpoints 0\n');
  });

  test('a policy is found by its name, and by its kind where several kinds have one of the name', async () => {
    const policy: Omit<PolicyView, 'kind'> = {
      name: 'p',
      state: 'applied',
      meanwhile: [],
      directions: [],
      endpoints: 0,
      rules: [],
    };
    const policies: PolicyView[] = [
      { ...policy, kind: 'NetworkPolicy', namespace: 'a' },
      { ...policy, kind: 'NetworkPolicy', namespace: 'b' },
      { ...policy, kind: 'Other', namespace: 'b' },
      { ...policy, kind: 'Other' },
    ];
    const client = await serve(fakeAdmin({ policies }));
    expect(await client.policies()).toEqual(policies);
    expect(await client.policies({ kind: 'Other' })).toEqual(policies.slice(2));
    expect(await client.policy({ namespace: 'a', name: 'p' })).toEqual(policies[0]);
    expect(await client.policy({ kind: 'Other', namespace: 'b', name: 'p' })).toEqual(policies[2]);
    expect(await client.policy({ name: 'p' })).toEqual(policies[3]);
    expect(await codeOf(client.policy({ namespace: 'b', name: 'p' }))).toBe('E_API_AMBIGUOUS');
    expect(await codeOf(client.policy({ namespace: 'c', name: 'p' }))).toBe('E_API_NOT_FOUND');
  });

  test('what is not there is said so', async () => {
    const client = await serve();
    expect(await codeOf(client.endpoint({ id: 5 }))).toBe('E_API_NOT_FOUND');
    expect(await codeOf(client.endpoint({ namespace: '../..', pod: 'a/b\u0000' }))).toBe('E_API_NOT_FOUND');
    expect(await codeOf(client.identity({ id: 77 }))).toBe('E_API_NOT_FOUND');
    expect(await codeOf(client.trace({ from: 'a/b', to: 'c/d', port: 80 }))).toBe('E_API_NOT_FOUND');
  });

  test('a request that makes no sense is refused with the field', async () => {
    const client = await serve();
    await expect(client.trace({ from: '', to: 'x', port: 70_000 })).rejects.toThrow(/from:.*; port:/);
    const nonsense = { filter: { podd: ['x'] } } as unknown as { last: number };
    await expect(collect(client.observe(nonsense))).rejects.toThrow(/podd/);
  });

  test('a huge body is refused', async () => {
    const client = await serve();
    expect(await codeOf(client.trace({ from: 'x'.repeat(1_000_000), to: 'y' }))).toMatch(/E_API_(REQUEST|UNREACHABLE)/);
    expect((await client.status()).ready).toBe(true);
  });

  test('a failing agent is our fault and does not end the server', async () => {
    const admin = fakeAdmin();
    admin.nodes = async () => {
      throw new TypeError('boom');
    };
    const client = await serve(admin);
    expect(await codeOf(client.nodes())).toBe('E_API_INTERNAL');
    expect((await client.status()).ready).toBe(true);
  });

  test('a server that is no agent is recognised', async () => {
    const path = join(folder, 'web.sock');
    const web = http.createServer((_, response) => response.end('<html>'));
    await new Promise<void>((resolve) => web.listen(path, resolve));
    expect(await codeOf(apiClient({ socketPath: path }).status())).toBe('E_API_RESPONSE');
    web.close();
  });

  test('no agent: unreachable', async () => {
    expect(await codeOf(apiClient({ socketPath: join(folder, 'none.sock') }).status())).toBe('E_API_UNREACHABLE');
  });
});

describe('streams', () => {
  test('flows and losses arrive in order', async () => {
    const flows: FlowMessage[] = [
      { kind: 'flow', flow },
      { kind: 'lost', place: 'kernel', count: 3 },
    ];
    const client = await serve(fakeAdmin({ flows }));
    expect(await collect(client.observe({ last: 10 }))).toEqual(flows);
  });

  test('a source that fails in the middle says so at the end', async () => {
    const client = await serve(
      fakeAdmin({}, async function* () {
        yield [{ kind: 'flow', flow }] as const;
        throw new Error('ring broke');
      }),
    );
    await expect(collect(client.observe({ last: 1 }))).rejects.toThrow(/ring broke/);
  });

  test('a reader that goes away ends the source', async () => {
    let ended = false;
    const client = await serve(
      fakeAdmin({}, async function* (_, signal) {
        try {
          while (!signal.aborted) {
            yield [{ kind: 'flow', flow }] as const;
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          ended = true;
        }
      }),
    );
    const abort = new AbortController();
    for await (const _ of client.observe({ follow: true }, abort.signal)) abort.abort();
    await expect.poll(() => ended).toBe(true);
  });

  test('a slow reader holds the source back instead of filling memory', async () => {
    let produced = 0;
    const group = Array.from({ length: 100 }, () => ({ kind: 'flow', flow }) as const);
    const client = await serve(
      fakeAdmin({}, async function* (_, signal) {
        while (!signal.aborted) {
          produced += 1;
          yield group;
        }
      }),
    );
    const lines = client.observe({ follow: true });
    await lines.next();
    // Until it stands still; what never does fills memory.
    for (let before = -1; before !== produced; ) {
      before = produced;
      expect(produced).toBeLessThan(1_000);
      for (let turns = 0; turns < 100; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    await lines.return(undefined);
  });

  test('all connections of a large table arrive', async () => {
    const connection: ConnectionView = {
      protocol: 'TCP',
      source: { addr: '10.0.0.1', port: 1, endpoint: 1, identity: 300 },
      destination: { addr: '10.0.0.2', port: 2, endpoint: 2, identity: 301 },
      current: true,
      replied: true,
      closing: false,
      midstream: false,
      expiresInSeconds: 3,
      rules: {},
    };
    const connections = Array.from({ length: 5_000 }, () => connection);
    const client = await serve(fakeAdmin({ connections }));
    expect(await collect(client.connections())).toHaveLength(5_000);
  });
});
