import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { EndpointView, Finding, ServiceList, TraceView, VerifyView } from '../api/index.ts';
import { AdminServer } from '../api/server.ts';
import { fakeAdmin } from '../api/testkit.ts';
import type { Flow } from '../model/index.ts';

const MEMBRANE = fileURLToPath(new URL('../../membrane', import.meta.url));

let folder: string;
let server: AdminServer;
const HOSTILE = '\u001b]0;owned\u0007\u202e';

const endpoint: EndpointView = {
  id: 7,
  state: 'waiting',
  detail: 'no identity yet',
  namespace: 'tenant-a',
  pod: `web${HOSTILE}`,
  podUid: 'u',
  addresses: ['10.244.1.2'],
  mac: '0a:58:0a:f4:01:02',
  interface: 'mbr0007',
  ifindex: 12,
  identity: 300,
  labels: ['k8s:app=web', `k8s:note=${HOSTILE}\nfake line`],
  namedPorts: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  enforced: { ingress: true, egress: false },
  inForce: { ingress: 'closed', egress: 'closed' },
  policyRevision: 3,
  counters: {
    ingress: { packets: 5, bytes: 300 },
    egress: { packets: 6, bytes: 3000 },
    drops: [{ packets: 2, bytes: 120, reason: 'policy-ingress', direction: 'ingress' }],
    missedEvents: 4,
  },
};

const SHOP = { name: 'shop', namespaces: [{ name: 'shop' }], identities: 1, problems: [] };
const NODE = { name: 'node-2', local: true, addresses: ['172.18.0.3'], podCIDRs: [], identity: 1 };

const POLICY = `
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: a}
spec: {podSelector: {}, ingress: [{ports: [{port: 8080}]}]}
`;

const denied: TraceView = {
  verdict: 'denied',
  from: { name: 'tenant-b/web', identity: 301, labels: [] },
  to: { name: 'tenant-a/web', identity: 300, labels: [] },
  port: 8080,
  protocol: 'TCP',
  steps: [
    { direction: 'egress', verdict: 'allowed', enforced: false, reason: 'no policy isolates it' },
    {
      direction: 'ingress',
      verdict: 'denied',
      enforced: true,
      policy: 'NetworkPolicy tenant-a/web',
      reason: 'isolated, and no rule matches',
      nearestMiss: { policy: 'NetworkPolicy tenant-a/web', rule: 'ingress[0]', because: 'the namespace is another' },
    },
  ],
};

const flow: Flow = {
  time: 1_700_000_000_000,
  node: 'node-1',
  type: 'drop',
  verdict: 'dropped',
  dropReason: 'policy-ingress',
  direction: 'ingress',
  source: { addr: '10.244.1.9', port: 40_000, identity: 301, labels: [], namespace: 'tenant-b', pod: `web${HOSTILE}` },
  destination: { addr: '198.51.100.1', port: 8080, identity: 2, labels: ['reserved:world'] },
  protocol: 'TCP',
  tcpFlags: ['SYN'],
  rules: { ingress: 'NetworkPolicy tenant-a/web' },
  isReply: false,
  length: 60,
  ifindex: 12,
  hook: 'to-pod',
};

const admin = fakeAdmin({
  endpoints: [endpoint],
  tenants: [SHOP],
  identities: [
    { id: 1, kind: 'reserved', labels: ['reserved:host'], endpoints: 0, references: 1 },
    { id: 4, kind: 'reserved', labels: ['reserved:health'], endpoints: 0, references: 0 },
    {
      id: 300,
      kind: 'cluster',
      labels: ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=tenant-a'],
      namespace: 'tenant-a',
      serviceAccount: 'default',
      podLabels: ['app=web'],
      namedPorts: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: 1,
      references: 3,
    },
  ],
  traces: new Map([
    ['tenant-b/web tenant-a/web TCP 8080', denied],
    ['host tenant-a/web TCP 8080', { ...denied, verdict: 'allowed', steps: [] }],
  ]),
  flows: [
    { kind: 'flow', flow },
    { kind: 'lost', place: 'kernel', count: 3 },
  ],
  connections: [
    {
      protocol: 'TCP',
      source: { addr: '10.244.1.2', port: 40_000, endpoint: 1, identity: 300 },
      destination: { addr: '2001:db8::1', port: 443, endpoint: 0, identity: 2 },
      current: true,
      replied: true,
      closing: false,
      midstream: false,
      natPort: 33_000,
      expiresInSeconds: 59.6,
      rules: {},
    },
  ],
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'membrane-cli-'));
  server = new AdminServer({ admin, socketPath: join(folder, 'node-1', 'admin.sock') });
  await server.start();
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** While a second agent runs. */
async function beside<T>(node: string, told: Parameters<typeof fakeAdmin>[0], act: () => Promise<T>): Promise<T> {
  const second = new AdminServer({ admin: fakeAdmin(told), socketPath: join(folder, node, 'admin.sock') });
  await second.start();
  try {
    return await act();
  } finally {
    await second.stop();
    await rm(join(folder, node), { recursive: true });
  }
}

type Ran = { code: number | null; out: string; err: string };

async function membrane(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = spawn(MEMBRANE, args, { env: { ...process.env, MEMBRANE_RUN_DIR: folder, ...env } });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}

describe('exit codes', () => {
  test.each<[string, string[], number]>([
    ['status of a ready agent', ['status'], 0],
    ['a list', ['endpoint', 'list'], 0],
    ['an allowed trace', ['policy', 'trace', '--from', 'host', '--to', 'tenant-a/web', '--port', '8080'], 0],
    ['a denied trace', ['policy', 'trace', '--from', 'tenant-b/web', '--to', 'tenant-a/web', '--port', '8080'], 1],
    ['no such command', ['polic'], 2],
    ['no such option', ['status', '--fast'], 2],
    ['a port out of range', ['observe', '--port', '70000'], 2],
    ['a drop reason that does not exist', ['observe', '--reason', 'policy'], 2],
    ['a protocol that does not exist', ['observe', '--protocol', 'tpc'], 2],
    ['a protocol by its EtherType', ['observe', '--protocol', '0x88cc'], 0],
    ['a number that is no protocol of IP', ['observe', '--protocol', '256'], 2],
    ['a time that is none', ['observe', '--since', 'yesterday'], 2],
    ['the first and the last', ['observe', '--first', '3', '--last', '3'], 2],
    ['the first, and what comes', ['observe', '--first', '3', '-f'], 2],
    ['a trace without a port', ['policy', 'trace', '--from', 'host', '--to', 'a/b'], 2],
    ['a pod without a namespace', ['sandbox', 'exec', 'web', '--', 'id'], 2],
    ['no command', [], 2],
    ['a socket that nobody serves', ['status', '--socket', '/nonexistent/admin.sock'], 3],
    ['a node without an agent', ['status', '--node', 'node-9'], 3],
    ['what the agent does not know', ['identity', 'get', '999'], 4],
    ['help', ['--help'], 0],
    ['version', ['version'], 0],
  ])('%s', async (_, args, code) => {
    const ran = await membrane(args);
    expect(ran.code, ran.err).toBe(code);
  });

  test('errors say what, the code, and what to do', async () => {
    const { err, out } = await membrane(['status', '--node', 'node-9']);
    expect(out).toBe('');
    expect(err).toMatch(
      /^membrane: could not reach the agent: .*node-9\/admin\.sock: ENOENT \[E_API_UNREACHABLE\]\n {2}Check/,
    );
  });

  // Before anything is started: this machine may have no sandbox while the unit tests run.
  test.each([[], ['--detach']])('a bad manifest is refused before a cluster stands: %j', async (...detach) => {
    const file = join(folder, 'bad.yaml');
    await writeFile(file, POLICY.replace('8080', '99999'));
    const { code, out, err } = await membrane(['sandbox', 'up', ...detach, '--file', file]);
    expect(out).toBe('');
    expect(err).toMatch(
      /bad\.yaml: NetworkPolicy a\/p: .*spec\.ingress\[0\]\.ports\[0\]\.port.*99999.* \[E_SANDBOX_MANIFEST\]/,
    );
    expect(code).toBe(4);
  });

  test.each([
    ['-', '', /- is neither a file nor a folder .*\n.*once the sandbox is up: `kubectl apply -f -`/],
    ['https://x.test/a.yaml', '', /is neither a file nor a folder .*\n.*`kubectl apply -f https:\/\/x\.test\/a\.yaml`/],
    ['none.yaml', '', /none\.yaml cannot be read .*\n {2}Name a file or a folder that exists/],
    ['empty.yaml', '', /no objects in .*empty\.yaml /],
    ['comments.yaml', '---\n# none\n---\n', /no objects in .*comments\.yaml /],
    ['none', 'folder', /the folder .*none has no file that ends in \.yaml/],
  ])('what is no manifest is refused before a cluster stands: %s', async (name, content, message) => {
    const path = /^[-h]/.test(name) ? name : join(folder, name);
    if (content === 'folder') await mkdir(path);
    else if (!/^[-h]|^none/.test(name)) await writeFile(path, content);
    const { code, out, err } = await membrane(['sandbox', 'up', '--file', path]);
    expect([code, out, err]).toEqual([4, '', expect.stringMatching(message)]);
  });

  test('of several agents one is to be named for what only one can answer', async () => {
    const { asked } = await beside('node-2', {}, async () => ({
      asked: await Promise.all([
        membrane(['endpoint', 'get', '8']),
        membrane(['endpoint', 'get', '7', '--node', 'node-2']),
      ]),
    }));
    expect(asked.map(({ code }) => code)).toEqual([3, 4]);
    expect(asked[0].err).toMatch(/node-1, node-2, and none has endpoint 8 \[E_CLI_SEVERAL_AGENTS\]/);
  });
});

test('status says how the other nodes are found', async () => {
  const peers = [
    {
      name: 'node-2',
      address: '172.18.0.3',
      podCIDRs: ['10.244.2.0/24'],
      answers: true,
      tunnel: { connections: 4, unanswered: 1, idleSeconds: 2 },
    },
    { name: 'node-3', address: '172.18.0.4', podCIDRs: [], answers: false, tunnel: { connections: 0, unanswered: 0 } },
    { name: 'node-6', podCIDRs: [] },
  ];
  const asked = await beside('node-8', { peers }, async () => [
    await membrane(['status', '--node', 'node-8']),
    await membrane(['status', '--node', 'node-8', '-o', 'json']),
  ]);
  expect(asked[0]?.out.split('\n').filter((line) => line.includes(' node node-'))).toEqual([
    '  ok   node node-2      172.18.0.3; 10.244.2.0/24; answers; tunnel: 4 connections, 1 without an answer yet, last packet 2s ago',
    '  FAIL node node-3      172.18.0.4; DOES NOT ANSWER on the network of the nodes; tunnel not in use',
    '  FAIL node node-6      it has no IPv4 address, and its pods are not reached; no tunnel',
  ]);
  expect(JSON.parse(asked[1]?.out ?? '')).toMatchObject({ node: 'node-1', peers });
});

test('status does not say that nothing is isolated before it is known', async () => {
  const { status } = fakeAdmin().state;
  if (status === undefined) throw new Error('the fake has no status');
  const { out } = await beside(
    'node-8',
    { status: { ...status, ready: false } },
    async () => await membrane(['status', '--node', 'node-8']),
  );
  expect(out).toMatch(/^Policy: +not known yet: new pods stay closed until it is$/m);
});

describe('several agents', () => {
  const later: Flow = { ...flow, time: flow.time + 1000, node: 'node-2', rules: {}, dropReason: 'policy-egress' };
  const told = {
    endpoints: [{ ...endpoint, id: 9, pod: 'other' }],
    tenants: [SHOP],
    flows: [{ kind: 'flow' as const, flow: later }],
    services: { enabled: true, items: [] },
    doctor: { findings: [{ severity: 'warning' as const, check: 'pods', evidence: 'raw sockets' }] },
    nodes: [{ name: 'node-1', local: false, addresses: [], podCIDRs: [], identity: 6 }, NODE],
  };
  const both = (...args: string[]) => beside('node-2', told, async () => await membrane(args));

  test('are merged by lists, each row with its node', async () => {
    const { out } = await both('endpoint', 'list');
    expect(out).toMatch(/^NODE +ID +POD/);
    expect(out).toMatch(/^node-1 +7 +tenant-a\/web/m);
    expect(out).toMatch(/^node-2 +9 +tenant-a\/other/m);
    expect(JSON.parse((await both('endpoint', 'list', '-o', 'json')).out)).toMatchObject([
      { node: 'node-1', id: 7 },
      { node: 'node-2', id: 9 },
    ]);
    expect((await both('ct', 'list')).out).toMatch(/^NODE +PROTO.*\nnode-1 +TCP/);
    expect((await both('policy', 'list')).out).toMatch(/^No policies/);
    expect((await both('service', 'list')).out).toContain('node-2: Sockets are not steered');
    expect((await both('tenant', 'list')).out).toMatch(/^NODE +TENANT.*\nnode-1 +shop .*\nnode-2 +shop /);
    expect((await both('node', 'list')).out).toMatch(/node-1 +6 .*\nnode-2 \(this\) +1 /);
  });

  test('are chosen by the pod that is asked about, and all are asked where each has its own answer', async () => {
    const trace = { ...denied, verdict: 'allowed' as const };
    const asked = ['policy', 'trace', '--port', '8080', '--from'];
    const over = { ...told, traces: new Map([['tenant-a/other tenant-a/web TCP 8080', trace]]) };
    const ask = (...args: string[]) => beside('node-2', over, async () => await membrane(args));
    expect((await ask(...asked, 'tenant-a/other', '--to', 'tenant-a/web')).out).toMatch(/^allowed/);
    const own = { ...told, traces: new Map([['world 172.18.0.3 TCP 8080', trace]]) };
    const toNode = async () => await membrane([...asked, 'world', '--to', '172.18.0.3']);
    expect((await beside('node-2', own, toNode)).out).toMatch(/^allowed/);
    // Identities are the cluster's: whoever knows one may tell.
    expect((await both('identity', 'get', '300')).out).toMatch(/^Identity: +300/);
    expect((await both('identity', 'get', '999')).code).toBe(4);
    const nobodys = await ask(...asked, 'world', '--to', '203.0.113.9');
    expect(nobodys.err).toMatch(/node-1, node-2, and none has world or 203.0.113.9 \[E_CLI_SEVERAL_AGENTS\]/);
    expect((await both('endpoint', 'get', 'tenant-a/other')).out).toMatch(/^Endpoint: +9/);
    expect((await both('endpoint', 'get', '9')).out).toMatch(/^Endpoint: +9\nPod: +tenant-a\/other/);
    const twice = await beside(
      'node-2',
      { endpoints: [endpoint] },
      async () => await membrane(['endpoint', 'get', '7']),
    );
    expect(twice.err).toMatch(/node-1, node-2, and each has an endpoint 7 \[E_CLI_SEVERAL_AGENTS\]/);
    const footprints = JSON.parse((await both('footprint', '-o', 'json')).out) as unknown;
    expect(footprints).toMatchObject([{ node: 'node-1' }, { node: 'node-2' }]);
  });

  test('are merged by status, doctor and observe', async () => {
    const status = await both('status');
    expect([status.code, status.out.match(/^Node:/gm)]).toEqual([0, ['Node:', 'Node:']]);
    expect(status.out).toContain('0 policies, enforcement default, revision 1: NOTHING IS ISOLATED');
    expect((await both('doctor')).out).toMatch(/^warning +node-2 +pods +raw sockets$/m);
    const { out } = await both('observe', '--last', '1', '-o', 'json');
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { node: 'node-1', kind: 'lost' },
      { node: 'node-2', dropReason: 'policy-egress' },
    ]);
  });

  test('one that is dead is no reason to be silent about it', async () => {
    await mkdir(join(folder, 'node-3'));
    await writeFile(join(folder, 'node-3', 'admin.sock'), '');
    const [list, doctor] = [await membrane(['endpoint', 'list']), await membrane(['doctor'])];
    await rm(join(folder, 'node-3'), { recursive: true });
    expect([list.code, list.err]).toEqual([0, 'membrane: the agent of node-3 does not answer\n']);
    expect(doctor.out).toMatch(/^critical +agent +the agent of node-3 does not answer/m);
  });
});

describe('launcher', () => {
  test.each([[], ['--detach']])('no sandbox is brought up whose pods could not start: %j', async (...detach) => {
    const root = join(folder, `unbuilt${detach.length}`);
    for (const name of ['membrane', 'package.json', 'src', 'bpf']) {
      await cp(join(dirname(MEMBRANE), name), join(root, name), { recursive: true });
    }
    await symlink(join(dirname(MEMBRANE), 'node_modules'), join(root, 'node_modules'));
    const ran = spawnSync(join(root, 'membrane'), ['sandbox', 'up', ...detach], { encoding: 'utf8' });
    expect([ran.status, ran.stdout]).toEqual([4, '']);
    expect(ran.stderr).toMatch(
      /build\/ is without membrane-cni, membrane-pod, .*\[E_SANDBOX_NOT_BUILT\]\n.*npm run build/,
    );
  });

  test('through a symbolic link, from anywhere', async () => {
    await symlink(MEMBRANE, join(folder, 'a link'));
    const ran = spawnSync('./a link', ['version'], { cwd: folder, encoding: 'utf8' });
    expect(ran.stdout).toMatch(/^membrane \d/);
  });

  test.each([
    ['no Node.js', '#!/bin/sh\nexit 127\n', 'E_CLI_NODE'],
    ['an old Node.js', '#!/bin/sh\necho 20\n', 'E_CLI_NODE'],
    ['no dependencies', '#!/bin/sh\necho 24\n', 'E_CLI_DEPENDENCIES'],
  ])('%s: says what to do', async (name, node, code) => {
    const root = join(folder, name);
    await mkdir(root);
    await copyFile(MEMBRANE, join(root, 'membrane'));
    await writeFile(join(root, 'node'), node, { mode: 0o755 });
    const env = { PATH: `${root}:/usr/bin:/bin` };
    const ran = spawnSync(join(root, 'membrane'), ['version'], { env, encoding: 'utf8' });
    expect(ran.status).toBe(4);
    expect(ran.stderr).toContain(code);
    expect(ran.stderr).toContain('npm run setup');
  });
});

test.each<[string, string[], number]>([
  ['a usage error', ['polic'], 2],
  ['nobody there', ['status', '--socket', '/nonexistent/admin.sock'], 3],
])('whoever cannot be told what is wrong gets its exit code: %s', async (_what, args, code) => {
  const env = { ...process.env, MEMBRANE_RUN_DIR: folder };
  const full = openSync('/dev/full', 'w');
  const onFull = spawnSync(MEMBRANE, args, { env, stdio: ['ignore', 'ignore', full] });
  closeSync(full);
  const child = spawn(MEMBRANE, args, { env });
  child.stderr.destroy();
  const onClosed = await new Promise<number | null>((resolve) => child.on('close', resolve));
  expect([onFull.status, onClosed]).toEqual([code, code]);
});

describe('output', () => {
  test('-o json anywhere on the line', async () => {
    for (const args of [
      ['-o', 'json', 'endpoint', 'list'],
      ['endpoint', 'list', '-o', 'json'],
    ]) {
      const { out } = await membrane(args);
      expect(JSON.parse(out)).toEqual([endpoint]);
    }
  });

  test.each<[string[]]>([
    [['endpoint', 'list']],
    [['endpoint', 'get', '7']],
    [['observe']],
    [['endpoint', 'list', '-o', 'json']],
    [['observe', '-o', 'json']],
  ])('hostile names reach no terminal: %j', async (args) => {
    const { out, code } = await membrane(args);
    expect(code).toBe(0);
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(out).not.toMatch(/^fake line/m);
  });

  test('tables', async () => {
    expect((await membrane(['identity', 'list'])).out).toBe(
      'IDENTITY  KIND      NAMESPACE  SA       LABELS         PORTS          PODS  HERE\n' +
        '       1  reserved  -          -        reserved:host  -                 -     -\n' +
        '     300  cluster   tenant-a   default  app=web        http=8080/TCP     3     1\n',
    );
    expect((await membrane(['identity', 'list', '--all'])).out).toContain('reserved:health');
    expect((await membrane(['identity', 'get', '300'])).out).toContain('k8s:io.kubernetes.pod.namespace=tenant-a');
    const one = await membrane(['identity', 'list', '-n', 'tenant-a', '-n', 'other']);
    expect(one.out.split('\n').map((line) => line.trim().split(' ')[0])).toEqual(['IDENTITY', '300', '']);
    expect((await membrane(['identity', 'list', '-n', 'tenant-a', '-A'])).out).toContain('reserved:host');
    expect((await membrane(['service', 'list'])).out).toBe('Services are not enabled in this agent.\n');
    expect((await membrane(['node', 'list'])).out).toBe('No nodes.\n');
    expect((await membrane(['ct', 'list'])).out).toMatch(
      /^PROTO {2}SOURCE \(IDENTITY\) +DESTINATION \(IDENTITY\) +EXPIRES {2}STATE\nTCP {4}10\.244\.1\.2:40000 \(300\) +\[2001:db8::1\]:443 \(2\) +60s {2}current,replied masqueraded from port 33000\n$/,
    );
  });

  test.each([
    ['endpoint', '[]\n'],
    ['identity', '[]\n'],
    ['ct', ''],
  ])('%s list: nothing in a namespace is said of that namespace', async (kind, none) => {
    expect((await membrane([kind, 'list', '-n', 'nosuchns'])).out).toBe('Nothing in namespace nosuchns.\n');
    expect((await membrane([kind, 'list', '-n', 'nosuchns', '-o', 'json'])).out).toBe(none);
    expect((await membrane([kind, 'list', '-n', 'nosuchns', '-A'])).out).toContain('300');
    expect((await membrane([kind, 'list', '-n', 'nosuchns', '-n', 'tenant-a'])).out).toContain('300');
  });

  test('what is in no namespace, with one', async () => {
    const own = (name: string, ...namespaces: string[]) => {
      return { name, namespaces: namespaces.map((one) => ({ name: one })), identities: 1, problems: [] };
    };
    const told = { tenants: [own('shop', 'shop', 'shop-db'), own('', 'default')], nodes: [NODE] };
    const list = async (...args: string[]) => (await membrane([...args, '--node', 'node-8'])).out;
    const outs = await beside('node-8', told, async () => [
      await list('tenant', 'list', '-n', 'shop-db'),
      await list('tenant', 'list', '-n', 'nosuchns'),
      await list('tenant', 'list', '-A'),
      await list('node', 'list', '-n', 'nosuchns'),
    ]);
    expect(outs[0]).toMatch(/^TENANT .*\nshop .*shop shop-db.*\n$/);
    expect(outs[1]).toBe('Nothing in namespace nosuchns.\n');
    expect(outs[2]).toMatch(/\n\(none\) /);
    expect(outs[3]).toMatch(/\nnode-2 /);
  });

  test('services, with what is wrong with them', async () => {
    const place = { address: '10.244.1.2', port: 8080, protocol: 'TCP', state: 'ready' as const, local: true };
    const frontend = { kind: 'ClusterIP' as const, address: '10.96.0.11', port: 81, protocol: 'TCP', served: true };
    const empty = {
      namespace: 'a',
      type: 'ClusterIP',
      state: 'applied' as const,
      steering: [],
      backends: [],
      backendCount: 0,
      problems: [],
    };
    const services: ServiceList = {
      enabled: true,
      cgroup: '/sys/fs/cgroup/kubepods',
      items: [
        {
          namespace: 'a',
          name: 'web',
          type: 'NodePort',
          state: 'applied',
          steering: ['affinity 600s'],
          frontends: [
            { kind: 'ClusterIP', address: '10.96.0.10', port: 80, protocol: 'TCP', served: true, backends: 1 },
            { kind: 'NodePort', address: '::', port: 30_080, protocol: 'TCP', served: false, backends: 1 },
          ],
          backends: [
            place,
            { ...place, address: '10.244.1.3', state: 'draining' },
            { ...place, address: '10.244.1.4', state: 'not-ready' },
          ],
          backendCount: 4,
          problems: [{ reason: 'ExternalIPRefused', message: 'externalIP 8.8.8.8 is not within serviceAddressRanges' }],
        },
        { ...empty, name: 'alone', frontends: [{ ...frontend, backends: 0 }] },
        {
          ...empty,
          name: 'half',
          frontends: [
            { ...frontend, backends: 0 },
            { ...frontend, port: 53, backends: 1 },
          ],
        },
        { ...empty, name: 'soon', state: 'pending', frontends: [{ ...frontend, backends: 0 }] },
        { ...empty, name: 'headless', state: 'ignored', frontends: [] },
      ],
    };
    const { services: before } = admin.state;
    Object.assign(admin.state, { services });
    const { out } = await membrane(['service', 'list']);
    expect(out).toContain('10.96.0.10:80/TCP node:30080/TCP(taken)');
    expect(out).toContain('10.244.1.2:8080 10.244.1.3:8080(draining) 10.244.1.4:8080(not ready) and 1 more');
    expect(out).toMatch(/^a\/alone +ClusterIP +no backends +10\.96\.0\.11:81\/TCP +- /m);
    expect(out).toMatch(
      /^a\/half +ClusterIP +applied +10\.96\.0\.11:81\/TCP\(no backends\) 10\.96\.0\.11:53\/TCP +- /m,
    );
    expect(out).toMatch(/^a\/soon +ClusterIP +pending /m);
    expect(out).toMatch(/^a\/headless +ClusterIP +ignored/m);
    expect(out).toContain('a/web: ExternalIPRefused: externalIP 8.8.8.8 is not within serviceAddressRanges');
    expect(JSON.parse((await membrane(['service', 'list', '-o', 'json'])).out)).toEqual(services);
    expect(JSON.parse((await membrane(['service', 'list', '-n', 'a', '-o', 'json'])).out)).toEqual(services);
    expect(JSON.parse((await membrane(['service', 'list', '-n', 'b', '-o', 'json'])).out)).toMatchObject({ items: [] });
    Object.assign(admin.state, { services: before });
  });

  test('doctor: the worst first, each with its remedy, and exit code 1 when something is critical', async () => {
    const { doctor: before } = admin.state;
    const hooks = { check: 'hooks', evidence: `program ${HOSTILE}`, remedy: 'Detach it.' };
    const findings = [{ severity: 'info' as const, check: 'pods', evidence: 'raw', remedy: 'Drop it.' }];
    Object.assign(admin.state, { doctor: { findings } });
    const harmless = await membrane(['doctor', '-o', 'json']);
    Object.assign(admin.state, { doctor: { findings: [...findings, { severity: 'critical', ...hooks }] } });
    const [people, program] = [await membrane(['doctor']), await membrane(['doctor', '-o', 'json'])];
    Object.assign(admin.state, { doctor: before });

    const severities = (ran: Ran) => (JSON.parse(ran.out) as Finding[]).map(({ severity }) => severity);
    // What this machine lacks is critical, too: only the difference is the agent's.
    expect(harmless.code).toBe(severities(harmless).includes('critical') ? 1 : 0);
    expect(severities(program).toSorted()).toEqual([...severities(harmless), 'critical'].toSorted());
    expect([people.code, program.code]).toEqual([1, 1]);
    expect(people.out).toMatch(/^critical {2}hooks .* program \\x1b\]0;owned\\x07\\u202e\n +-> Detach it\.$/m);
    expect(people.out.indexOf('Detach it.')).toBeLessThan(people.out.indexOf('Drop it.'));
    expect(people.out).toMatch(/^\d+ critical, 0 warning, 1 info, \d+ ok\n$/m);
  });

  test('doctor without an agent looks at the machine and says so', async () => {
    const { out } = await membrane(['doctor', '-o', 'json'], { MEMBRANE_RUN_DIR: join(folder, 'empty') });
    const findings = JSON.parse(out) as Finding[];
    expect(findings.filter(({ check }) => check === 'agent')).toMatchObject([
      { severity: 'info', evidence: 'none runs here: only the machine was looked at, not the node' },
    ]);
    expect(findings.map(({ check }) => check)).toContain('kernel');
  });

  test('trace says who decided', async () => {
    const { out } = await membrane([
      'policy',
      'trace',
      '--from',
      'tenant-b/web',
      '--to',
      'tenant-a/web',
      '--port',
      '8080',
    ]);
    expect(out).toBe(`denied  tenant-b/web (identity 301) -> tenant-a/web (identity 300)  TCP/8080
  egress   allowed  no policy isolates it
  ingress  denied  isolated, and no rule matches
           by NetworkPolicy tenant-a/web
           nearest: NetworkPolicy tenant-a/web ingress[0], but the namespace is another
`);
  });

  test('trace with a service, a name of a port, and proposed policies', async () => {
    const service = {
      direction: 'egress',
      verdict: 'allowed',
      enforced: false,
      service: 'a/web',
      reason: 'goes to b',
    } as const;
    const proposed = { verdict: 'allowed' as const, steps: [] };
    const staged = { verdict: 'denied' as const, steps: [] };
    admin.state.traces.set('a/x service:a/web TCP http', {
      ...denied,
      steps: [service, ...denied.steps],
      proposed,
      staged,
    });
    const file = join(folder, 'proposed.yaml');
    await writeFile(file, POLICY);
    const question = '--from a/x --to service:a/web --port http'.split(' ');
    const { code, out } = await membrane(['policy', 'trace', ...question, '-f', file]);
    expect(out).toMatch(/^ {2}service {2}allowed {2}goes to b$/m);
    expect(out).toMatch(/^allowed {2}with the proposed policies$/m);
    expect(out).toMatch(/^denied {2}once the staged policies are enforced$/m);
    expect(code).toBe(0);
    for (const text of ['kind: ConfigMap', '[', 'a: {', 'kind: Menu\nitems: [{ kind: NetworkPolicy }]']) {
      await writeFile(file, text);
      const { code: refused, err } = await membrane(['policy', 'lint', '--file', file]);
      expect([refused, err]).toEqual([2, expect.stringContaining('[E_CLI_FILE]')]);
    }
  });

  test('why says what would let it pass and what else that opens, as YAML to apply, of two ends and of a flow', async () => {
    const policy = { kind: 'NetworkPolicy', metadata: { name: 'allow-from-web' } };
    const other = { from: 'tenant-b/api', to: 'tenant-a/web', packets: ['TCP 8080'] };
    const asked: unknown[] = [];
    admin.why = async (request) => {
      asked.push(request);
      const after = [
        {
          direction: 'ingress' as const,
          verdict: 'allowed' as const,
          enforced: true,
          reason: 'rule 0 lets it\u001b[2J in',
        },
      ];
      return { trace: denied, change: { policies: [policy], after, opens: [other], closes: [], more: 0 } };
    };
    const ends = await membrane(['why', '--from', 'tenant-b/web', '--to', 'tenant-a/web', '--port', '8080']);
    expect(ends.code).toBe(1);
    expect(ends.out).toContain('# denied  tenant-b/web (identity 301) -> tenant-a/web');
    expect(ends.out).toContain('# with it: ingress allowed: rule 0 lets it\\x1b[2J in\n');
    expect(ends.out).toContain('# opens also: tenant-b/api -> tenant-a/web: TCP 8080\n---\nkind: NetworkPolicy\n');
    expect(parse(ends.out)).toEqual(policy);
    const reply = JSON.stringify({
      isReply: true,
      protocol: 'UDP',
      source: { addr: '10.0.0.1', port: 53, namespace: 'a', pod: 'dns' },
      destination: { addr: '10.0.0.2', port: 4000 },
    });
    await membrane(['why', reply]);
    expect(asked.at(-1)).toEqual({ from: '10.0.0.2', to: 'a/dns', port: 53, protocol: 'UDP' });
    admin.why = async () => ({ trace: denied, noChange: 'no NetworkPolicy opens it\u001b[2J' });
    const nothing = await membrane(['why', reply]);
    expect(nothing.out).toContain('# no NetworkPolicy opens it\\x1b[2J\n');
    for (const wrong of [
      ['why'],
      ['why', '{}'],
      ['why', '--from', 'a/b', '--to', 'a/c'],
      ['why', reply, '--to', 'a/b'],
    ])
      expect((await membrane(wrong)).code).toBe(2);
  });

  test('lint: what, where, why and what to do; exit 1 for a likely mistake', async () => {
    const finding = {
      severity: 'warning' as const,
      rule: 'selects-nobody',
      object: 'NetworkPolicy a/p',
      field: 'spec.podSelector',
      why: 'selects no pod',
      remedy: 'Compare.',
    };
    admin.state.lint = { findings: [finding] };
    const [people, program] = [await membrane(['policy', 'lint']), await membrane(['policy', 'lint', '-o', 'json'])];
    admin.state.lint = { findings: [{ ...finding, severity: 'info' }] };
    const harmless = await membrane(['policy', 'lint']);
    expect(people.out).toBe(
      'warning  NetworkPolicy a/p spec.podSelector: selects no pod [selects-nobody]\n         -> Compare.\n',
    );
    expect(JSON.parse(program.out)).toEqual([finding]);
    expect([people.code, program.code, harmless.code]).toEqual([1, 1, 0]);
  });

  test('what-if: who would stop, who would start, and what nobody can say; exit 1 for what stops', async () => {
    const pair = { from: 'a/x', to: 'b/y', protocol: 'TCP', port: 80, last: 1, direction: 'ingress' } as const;
    const stops = { ...pair, change: 'stops', flows: 41, policies: ['NetworkPolicy b/p'], reason: 'denied' } as const;
    const view = {
      node: 'node-1',
      flows: { opened: 50, dropped: 3 },
      lost: { kernel: 0, store: 7, reader: 0 },
      pairs: [stops, { ...stops, change: 'opens', to: HOSTILE, flows: 2 }] as const,
      beyond: { stops: 0, opens: 0 },
      past: { judgedAnew: 1, gone: 1 },
      unjudged: [],
    };
    const file = join(folder, 'change.yaml');
    await writeFile(file, POLICY.replace(/^[^]*---/, ''));
    admin.state.replay = view;
    const asked = ['policy', 'what-if', '-f', file, '--since', '1h'];
    const [people, program] = [await membrane(asked), await membrane([...asked, '-o', 'json'])];
    admin.state.replay = { ...view, pairs: [] };
    const harmless = await membrane(['policy', 'what-if', '--staged']);
    admin.state.replay = { ...view, pairs: [], unjudged: [{ why: 'who knows', flows: 1 }] };
    const unclear = await membrane(asked);
    expect(people.out.split('\n').slice(0, 3)).toEqual([
      'would deny 41 flows of 1 pair, would newly allow 2 of 1 pair',
      '  deny  a/x -> b/y TCP 80  41 flows',
      '        denied',
    ]);
    expect(people.out).not.toContain(HOSTILE);
    expect(people.out).toMatch(/^ {2}7 more were not kept/m);
    expect(JSON.parse(program.out)).toMatchObject({ stops: { flows: 41, pairs: 1 }, opens: { flows: 2 }, silent: [] });
    expect(unclear.out).toMatch(/^ {2}not judged: 1 flow: who knows$/m);
    expect([people.code, program.code, harmless.code, unclear.code]).toEqual([1, 1, 0, 1]);
    await writeFile(file, POLICY);
    const refused = [await membrane(asked), await membrane(['policy', 'what-if'])];
    expect(refused.map(({ code, err }) => [code, /\[(E_\w+)\]/.exec(err)?.[1]])).toEqual([
      [2, 'E_CLI_FILE'],
      [2, 'E_CLI_USAGE'],
    ]);
  });

  test('verify: what the kernel does otherwise, with row, pair and packet; exit 1 for that, and for who is reached', async () => {
    const proved: VerifyView = {
      node: 'node-1',
      at: '2026-01-01T00:00:00.000Z',
      revision: 7,
      tookMs: 3,
      good: true,
      tenants: [],
      counts: { tenants: 2, identities: 4, endpoints: 3, policies: 1, frontends: 5 },
      pairs: [{ from: 'red', to: 'blue', standing: 'isolated', shares: 0 }],
      differences: [],
      more: 0,
    };
    const packet = { from: '10.0.0.1', to: '10.96.0.7', protocol: 'TCP', port: 80, claimed: 'dropped' } as const;
    const alarm: VerifyView['differences'][number] = {
      layer: 'services',
      effect: 'opens',
      from: 'service red/web at 10.96.0.7:80',
      to: `blue/${HOSTILE} (identity 300)`,
      packets: 'TCP 80',
      pairs: 2,
      rows: ['services row: TCP 10.96.0.7:80 (inside) leads to set 4 of 2 slots'],
      meant: ['red/web leads to 10.0.0.9:8080'],
      packet: { ...packet, backend: '10.0.0.2:8080', sent: 'dropped', detail: 'tenant-boundary' },
    };
    const pairs = [{ from: 'red', to: 'blue', standing: 'broken', shares: 0 } as const];
    const asked = { from: 'red/x', to: 'blue/y', pairs: 1, reached: [], more: 0 };
    const reached = [{ from: 'red/x', to: 'blue/y', packets: 'TCP 80', why: ['no policy isolates'] }];
    const file = join(folder, 'report.html');
    admin.state.verify = proved;
    const good = await Promise.all([membrane(['verify', '--report', file]), membrane(['tenant', 'matrix'])]);
    const page = await readFile(file, 'utf8');
    admin.state.verify = { ...proved, good: false, differences: [alarm], pairs };
    const [people, program, matrix] = await Promise.all([
      membrane(['verify', '--report', file]),
      membrane(['verify', '-o', 'json']),
      membrane(['tenant', 'matrix']),
    ]);
    admin.state.verify = { ...proved, good: false, asked: { ...asked, reached } };
    const [open, usage] = await Promise.all([
      membrane(['verify', '--from', 'red/x', '--to', 'blue/y']),
      membrane(['verify', '--to', 'blue/y']),
    ]);
    expect(good.map(({ code }) => code)).toEqual([0, 0]);
    expect(good[0]?.out).toMatch(/, 5 frontends of services, revision 7.*\n {2}the kernel is as it is meant\n$/);
    expect(page).toContain('<h1>Tenants apart: proved</h1>');
    expect(people.out.split('\n').slice(1)).toEqual([
      '  BROKEN red -> blue',
      expect.stringMatching(
        /^ {2}ALARM services: the kernel lets pass what is not meant: service red\/web at 10\.96\.0\.7:80 -> blue\/.* TCP 80$/,
      ),
      `    in the kernel: ${alarm.rows[0]}`,
      `    meant: ${alarm.meant[0]}`,
      '    of 2 pairs the same is true',
      '    packet 10.0.0.1 -> 10.96.0.7 TCP 80 is turned to 10.0.0.2:8080 and dropped; sent through the programs: dropped (tenant-boundary)',
      '',
    ]);
    expect(people.out).not.toContain(HOSTILE);
    expect(JSON.parse(program.out)).toMatchObject({ good: false, differences: [alarm] });
    const written = await readFile(file, 'utf8');
    expect(written).toContain('<h1>Tenants apart: NOT proved</h1>');
    expect(written).toContain('10.0.0.1 -&gt; 10.96.0.7, turned to 10.0.0.2:8080: dropped, dropped');
    expect(open.out).toContain('  blue/y is reached from red/x:\n    red/x -> blue/y: TCP 80\n');
    expect([people, program, matrix, open, usage].map(({ code }) => code)).toEqual([1, 1, 1, 1, 2]);
    const nobody = { tenants: [], verify: proved };
    const silent = await beside('node-2', nobody, async () => {
      admin.state.verify = proved;
      await mkdir(join(folder, 'node-3'));
      await writeFile(join(folder, 'node-3', 'admin.sock'), '');
      try {
        return await membrane(['verify']);
      } finally {
        await rm(join(folder, 'node-3'), { recursive: true });
      }
    });
    expect([silent.code, silent.out.trimEnd().split('\n').at(-1)]).toEqual([
      1,
      'node-3: nothing is proved: its agent does not answer',
    ]);
  });

  test('flows: one a line, with the loss where it happened', async () => {
    const { out } = await membrane(['observe', '--last', '10'], { TZ: 'UTC' });
    expect(out).toBe(
      '22:13:20.000 DROPPED tenant-b/web\\x1b]0;owned\\x07\\u202e:40000 (301) -> 198.51.100.1:8080 (world) TCP SYN ' +
        'policy-ingress by NetworkPolicy tenant-a/web\n... 3 flows lost: the datapath was faster than the agent\n',
    );
  });

  test('flows of a time', async () => {
    const dropped = async (...args: string[]) => (await membrane(['observe', ...args])).out.includes('DROPPED');
    expect(await dropped('--since', '2023-11-14T22:13:20Z')).toBe(true);
    expect(await dropped('--since', '2023-11-14T22:13:20.001Z')).toBe(false);
    expect(await dropped('--since', '5m')).toBe(false);
    expect(await dropped('--until', '2023-11-14T22:13:20Z', '--first', '1')).toBe(true);
    expect(await dropped('--until', '2023-11-14T22:13:19Z')).toBe(false);
  });

  test('flows: a drop that repeats is one with a count, and so many lines as are asked for', async () => {
    const before = admin.state.flows;
    const other = { ...flow, time: flow.time - 60_000, destination: { ...flow.destination, port: 1 } };
    const flood = Array.from({ length: 500 }, (_, n) => ({ ...flow, time: flow.time + n }));
    admin.state.flows = [other, ...flood].map((one) => ({ kind: 'flow', flow: one }));
    const [people, program, each] = [
      await membrane(['observe']),
      await membrane(['observe', '-o', 'json']),
      await membrane(['observe', '--each', '--last', '1000']),
    ];
    admin.state.flows = before;
    const lines = people.out.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).not.toContain(' x');
    expect(lines[1]).toMatch(/policy-ingress .* x500 in /);
    const rows = program.out.trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row) as unknown)).toMatchObject([
      { destination: { port: 1 } },
      { destination: { port: 8080 }, count: 500, first: flow.time, time: flow.time + 499 },
    ]);
    expect(each.out.trimEnd().split('\n')).toHaveLength(501);
  });

  test('flows that no rule names: the nearest miss, else what isolates', async () => {
    const { rules: _, ...without } = flow;
    const web = 'NetworkPolicy tenant-a/web';
    const denial = { direction: 'ingress', by: 'policies', policies: [web, `${web}-2`], reason: 'isolated' } as const;
    const nearestMiss = { policy: web, rule: 'ingress rule 0', wants: 'port 9090', because: 'port is 8080' };
    const before = admin.state.flows;
    admin.state.flows = [
      { kind: 'flow', flow: { ...without, rules: {}, denial: { ...denial, nearestMiss } } },
      { kind: 'flow', flow: { ...without, rules: {}, denial } },
      { kind: 'flow', flow: { ...without, rules: {}, denial: { ...denial, by: 'enforcement', policies: [] } } },
      // That the sender may send it is not why the receiver does not get it, whether that is explained or not.
      { kind: 'flow', flow: { ...without, rules: { egress: 'NetworkPolicy a/out, egress rule 0' }, denial } },
      { kind: 'flow', flow: { ...without, rules: { egress: 'NetworkPolicy a/out, egress rule 0' } } },
    ];
    const lines = (await membrane(['observe', '--last', '10'])).out.trimEnd().split('\n');
    admin.state.flows = before;
    expect(lines.map((line) => line.slice(line.indexOf('policy-ingress')))).toEqual([
      'policy-ingress, nearest: NetworkPolicy tenant-a/web wants port 9090',
      'policy-ingress by NetworkPolicy tenant-a/web and 1 more',
      'policy-ingress by policyEnforcement "always"',
      'policy-ingress by NetworkPolicy tenant-a/web and 1 more',
      'policy-ingress',
    ]);
  });

  test('no colours in a pipe, unless they are asked for', async () => {
    expect((await membrane(['status'], { FORCE_COLOR: '1' })).out).not.toContain('\u001b');
    expect((await membrane(['status', '--color=always'])).out).toContain('\u001b');
  });

  test('a reader that has seen enough is no failure', async () => {
    const socketPath = join(folder, 'large.sock');
    const connections = Array.from({ length: 20_000 }, () => admin.state.connections).flat();
    const large = new AdminServer({ admin: fakeAdmin({ connections }), socketPath });
    await large.start();
    const child = spawn(MEMBRANE, ['ct', 'list', '--socket', socketPath], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.on('close', resolve));
    await large.stop();
    expect(code).toBe(0);
  });

  test('a protocol by its number is the one of that name', async () => {
    const socketPath = join(folder, 'asked.sock');
    const asked: unknown[] = [];
    const asking = fakeAdmin({}, async function* ({ filter }) {
      asked.push(filter.protocol);
      yield [{ kind: 'lost', place: 'kernel', count: 1 }];
    });
    const one = new AdminServer({ admin: asking, socketPath });
    await one.start();
    const numbers = ['6', '17', '99', '0x0806', '0x88CC', 'tcp'].flatMap((number) => ['--protocol', number]);
    await membrane(['observe', ...numbers, '--socket', socketPath]);
    await one.stop();
    expect(asked).toEqual([['TCP', 'UDP', '99', 'ARP', '0x88cc', 'tcp']]);
  });

  test('that nothing matches is said, also to whoever waits', async () => {
    const socketPath = join(folder, 'quiet.sock');
    const quiet = new AdminServer({ admin: fakeAdmin(), socketPath });
    await quiet.start();
    const args = ['observe', '--namespace', 'nosuch', '--socket', socketPath];
    expect((await membrane(args)).out).toBe('no flow matches\n');
    expect((await membrane([...args, '-o', 'json'])).out).toBe('');
    const child = spawn(MEMBRANE, [...args, '--follow']);
    const [line] = await once(child.stdout, 'data');
    child.kill('SIGINT');
    await quiet.stop();
    expect(String(line)).toBe('no flow so far matches; waiting for the first\n');
  });

  test('Ctrl-C ends a follow quietly', async () => {
    const child = spawn(MEMBRANE, ['observe', '--follow', '--last', '2'], {
      env: { ...process.env, MEMBRANE_RUN_DIR: folder },
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  });
});
