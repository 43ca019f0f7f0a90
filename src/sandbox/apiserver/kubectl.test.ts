import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { Kubectl, type KubectlResult, kubectls } from '../kubectl-testkit.ts';
import { stringAt } from './json.ts';
import { type ApiServer, createApiServer } from './server.ts';
import { execProcess } from './streams/child.ts';

const MANIFEST = `
apiVersion: v1
kind: Namespace
metadata: {name: tenant, labels: {team: a}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: tenant, labels: {app: web}}
spec:
  containers:
  - {name: main, image: "busybox:1.36", command: [sleep, "1"], ports: [{containerPort: 80, name: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-frontend, namespace: tenant}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: frontend}}}]
    ports: [{port: 80, protocol: TCP}]
`;

/** Says in capitals what it is told, once it is told all. */
async function shouter(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void text(socket).then((said) => socket.end(said.toUpperCase()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

const programs = kubectls();
if (programs.length === 0) test.skip('kubectl: not installed', () => undefined);

describe.each(programs)('%s', (program) => {
  let folder = '';
  let server: ApiServer;
  let client: Kubectl;
  let env: NodeJS.ProcessEnv = {};

  const kubectl = (...args: string[]): Promise<KubectlResult> => {
    client.env = env;
    return client.run(...args);
  };

  /** Tells its requests while it runs. */
  const talkative = (...args: string[]): { readonly said: () => string; readonly code: Promise<number> } => {
    const child = spawn(program, [...args, '-v=6'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let out = '';
    child.stderr.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    return { said: () => out, code: new Promise((resolve) => child.once('close', (code) => resolve(code ?? 255))) };
  };

  const succeeds = async (...args: string[]): Promise<string> => {
    const { code, out } = await kubectl(...args);
    expect(`exit ${code}: ${out}`).toMatch(/^exit 0/);
    return out;
  };

  /** What scheduler and kubelet would do. */
  const run = (name: string): void => {
    const key = { namespace: 'tenant', name };
    if (stringAt(server.store.get('pods', key), 'spec', 'nodeName') === undefined) server.store.bind(key, 'node-1');
    server.store.patchStatus('pods', key, {
      phase: 'Running',
      podIP: '10.244.1.5',
      podIPs: [{ ip: '10.244.1.5' }],
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        { name: 'main', ready: true, restartCount: 0, image: 'busybox', imageID: '', state: { running: {} } },
      ],
    });
  };

  beforeAll(async () => {
    const token = 'a-token-for-the-test';
    server = createApiServer({
      database: ':memory:',
      token,
      log: silentLogger,
      async *podLog(namespace, name, { container, follow }) {
        yield Buffer.from(`${namespace}/${name}/${container}\n`);
        if (follow) yield Buffer.from('and on\n');
      },
      streams: {
        async exec(_namespace, _name, { command: [file = '', ...args] }) {
          return execProcess(spawn(file, args));
        },
        async attach() {
          return execProcess(spawn('cat'));
        },
        async dialer() {
          return dial;
        },
      },
    });
    client = await Kubectl.connect(program, server, token);
    ({ folder, env } = client);
    await writeFile(join(folder, 'tenant.yaml'), MANIFEST);
    await writeFile(join(folder, 'changed.yaml'), MANIFEST.replaceAll('app: frontend', 'app: other'));
  });

  afterAll(async () => {
    await server?.close();
    await client?.close();
  });

  test('versions, resources, permissions', async () => {
    expect(await succeeds('get', '--raw', '/version')).toContain('"major":"1"');
    expect(await succeeds('api-resources')).toMatch(
      /networkpolicies\s+netpol\s+networking\.k8s\.io\/v1\s+true\s+NetworkPolicy/,
    );
    expect(await succeeds('auth', 'can-i', 'create', 'pods')).toContain('yes');
  });

  test('apply, apply again, change', async () => {
    const file = join(folder, 'tenant.yaml');
    expect(await succeeds('apply', '-f', file)).toContain('pod/web created');
    expect(await succeeds('apply', '-f', file)).toContain('pod/web unchanged');
    expect(await succeeds('apply', '-f', join(folder, 'changed.yaml'))).toContain('only-frontend configured');
    expect(await succeeds('describe', 'networkpolicy', '-n', 'tenant', 'only-frontend')).toContain(
      'PodSelector: app=other',
    );
    expect(await succeeds('apply', '--dry-run=server', '-f', file)).toContain('(server dry run)');
    expect(await succeeds('apply', '--server-side', '--force-conflicts', '-f', file)).toContain('serverside-applied');
  });

  test('refuses what is wrong, with the field', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, MANIFEST.replace('port: 80,', 'port: 0,'));
    const refused = await kubectl('apply', '-f', file);
    expect(refused.code).toBe(1);
    expect(refused.out).toContain(
      'spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    );
    await writeFile(file, MANIFEST.replace('podSelector: {matchLabels: {app: web}}', 'podSelektor: {}'));
    const unknown = await kubectl('apply', '-f', file);
    expect(unknown.code).toBe(1);
    expect(unknown.out).toMatch(/unknown field "(spec\.)?podSelektor"/);
  });

  test('get, describe, wait, logs', async () => {
    const waiting = kubectl('wait', '-n', 'tenant', '--for=condition=Ready', 'pod/web', '--timeout=60s');
    run('web');
    expect(await waiting).toMatchObject({ code: 0 });
    const wide = await succeeds('get', 'pods', '-n', 'tenant', '-o', 'wide');
    expect(wide).toMatch(/NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/);
    expect(wide).toMatch(/web\s+1\/1\s+Running\s+0\s+\S+\s+10\.244\.1\.5\s+node-1/);
    expect(await succeeds('describe', 'pod', '-n', 'tenant', 'web')).toMatch(/IP:\s+10\.244\.1\.5/);
    expect(await succeeds('describe', 'ns', 'tenant')).toMatch(/Status:\s+Active/);
    expect(await succeeds('get', 'netpol', '-A')).toMatch(/tenant\s+only-frontend\s+app=web/);
    expect(await succeeds('logs', '-n', 'tenant', 'web')).toBe('tenant/web/main\n');
    expect(await succeeds('logs', '-f', '-n', 'tenant', 'web')).toContain('and on');
    expect(
      await succeeds(
        'get',
        'pods',
        '-A',
        '-l',
        'app in (web)',
        '--field-selector',
        'status.phase=Running',
        '-o',
        'name',
      ),
    ).toBe('pod/web\n');
  });

  // A client that is told not to use WebSockets speaks SPDY, as older ones always do.
  test.each(['true', 'false'])('exec carries input, output and the exit code (WebSockets: %s)', async (sockets) => {
    const before = env;
    env = { ...env, KUBECTL_REMOTE_COMMAND_WEBSOCKETS: sockets };
    onTestFinished(() => {
      env = before;
    });
    expect(await succeeds('exec', '-n', 'tenant', 'web', '--', 'echo', 'hello')).toBe('hello\n');
    expect(await kubectl('exec', '-n', 'tenant', 'web', '--', 'sh', '-c', 'echo bad >&2; exit 3')).toMatchObject({
      code: 3,
      out: expect.stringContaining('bad'),
    });
    const child = spawn(program, ['exec', '-i', '-n', 'tenant', 'web', '--', 'wc', '-c'], { env });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stdin.end(Buffer.alloc(300_000));
    await new Promise((resolve) => child.on('close', resolve));
    expect(out.trim()).toBe('300000');
  });

  test.each(['true', 'false'])(
    'port-forward carries many connections to many ports (WebSockets: %s)',
    async (sockets) => {
      const [one, two] = await Promise.all([shouter(), shouter()]);
      const forwarded = { ...env, KUBECTL_PORT_FORWARD_WEBSOCKETS: sockets };
      const ports = [`0:${one.port}`, `0:${two.port}`, '0:1'];
      const child = spawn(program, ['port-forward', '-n', 'tenant', 'pod/web', ...ports], { env: forwarded });
      onTestFinished(() => {
        child.kill();
        one.server.close();
        two.server.close();
      });
      let out = '';
      for (const output of [child.stdout, child.stderr]) output.on('data', (chunk) => (out += String(chunk)));
      const local = async (port: number): Promise<number> => {
        const line = new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${port}\\b`);
        await expect.poll(() => out).toMatch(line);
        return Number(line.exec(out)?.[1]);
      };
      const shout = async (port: number, said: string): Promise<string> => {
        const socket = await dial(port);
        socket.end(said);
        return text(socket);
      };
      const large = 'x'.repeat(3_000_000);
      const places = [await local(one.port), await local(two.port)];
      const asked = Array.from({ length: 60 }, (_, i) => shout(places[i % 2] ?? 0, `hello ${i}`));
      expect(await shout(places[0] ?? 0, large)).toBe(large.toUpperCase());
      expect(await Promise.all(asked)).toEqual(asked.map((_, i) => `HELLO ${i}`));
      await shout(await local(1), 'nobody').catch(() => '');
      await expect.poll(() => out).toMatch(/an error occurred forwarding \d+ -> 1: .*ECONNREFUSED/);
    },
  );

  test('nodes and events', async () => {
    server.store.create('nodes', {
      metadata: { name: 'node-1' },
      spec: { podCIDR: '10.244.1.0/24' },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '172.18.0.2' }],
        nodeInfo: { kubeletVersion: 'v1.32.0' },
      },
    });
    const uid = server.store.get('pods', { namespace: 'tenant', name: 'web' })?.metadata.uid ?? '';
    server.store.create('events', {
      metadata: { name: 'web.1', namespace: 'tenant' },
      involvedObject: { kind: 'Pod', namespace: 'tenant', name: 'web', uid },
      reason: 'Started',
      message: 'it runs',
      type: 'Normal',
      lastTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
    });
    expect(await succeeds('get', 'nodes', '-o', 'wide')).toMatch(
      /node-1\s+Ready\s+<none>\s+\S+\s+v1\.32\.0\s+172\.18\.0\.2/,
    );
    expect(await succeeds('describe', 'node', 'node-1')).toContain('10.244.1.0/24');
    expect(await succeeds('get', 'events', '-n', 'tenant')).toMatch(/Normal\s+Started\s+pod\/web\s+it runs/);
    expect(await succeeds('describe', 'pod', '-n', 'tenant', 'web')).toContain('it runs');
  });

  test('label, annotate, patch of all types, edit', async () => {
    await succeeds('label', 'pod', '-n', 'tenant', 'web', 'tier=gold');
    await succeeds('annotate', 'pod', '-n', 'tenant', 'web', 'note=hello');
    const patch = (type: string, body: string): Promise<string> =>
      succeeds('patch', 'pod', '-n', 'tenant', 'web', `--type=${type}`, '-p', body);
    await patch('strategic', '{"metadata":{"labels":{"s":"1"}}}');
    await patch('merge', '{"metadata":{"labels":{"m":"1"}}}');
    await patch('json', '[{"op":"add","path":"/metadata/labels/j","value":"1"}]');
    expect(server.store.get('pods', { namespace: 'tenant', name: 'web' })?.metadata).toMatchObject({
      labels: { app: 'web', tier: 'gold', s: '1', m: '1', j: '1' },
      annotations: { note: 'hello' },
    });
    env = { ...env, EDITOR: 'sed -i s/tier:.gold/tier:\\ silver/' };
    await succeeds('edit', 'pod', '-n', 'tenant', 'web');
    expect(server.store.get('pods', { namespace: 'tenant', name: 'web' })?.metadata.labels).toMatchObject({
      tier: 'silver',
    });
  });

  test('typed creations', async () => {
    await succeeds('create', 'namespace', 'typed');
    await succeeds('create', 'configmap', '-n', 'typed', 'c', '--from-literal=a=b');
    await succeeds('create', 'secret', 'generic', '-n', 'typed', 's', '--from-literal=a=b');
    await succeeds('create', 'service', 'clusterip', '-n', 'typed', 'svc', '--tcp=80:8080');
    await succeeds('run', '-n', 'typed', 'r', '--image=busybox');
    expect(server.store.get('secrets', { namespace: 'typed', name: 's' })).toMatchObject({ data: { a: 'Yg==' } });
    expect(server.store.get('services', { namespace: 'typed', name: 'svc' })).toMatchObject({
      spec: { ports: [{ port: 80, targetPort: 8080 }], selector: { app: 'svc' } },
    });
    await succeeds('delete', 'namespace', 'typed');
  });

  test('watch prints changes as they happen', async () => {
    const child = spawn(program, ['get', 'pods', '-n', 'tenant', '-w'], { env });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    await expect.poll(() => out).toMatch(/web\s+1\/1\s+Running/);
    server.store.patchStatus('pods', { namespace: 'tenant', name: 'web' }, { phase: 'Failed', reason: 'Evicted' });
    await expect.poll(() => out).toMatch(/web\s+1\/1\s+Evicted/);
    child.kill();
  });

  test('delete waits until things are gone', async () => {
    run('web');
    const deleting = talkative('delete', 'pod', '-n', 'tenant', 'web');
    await expect.poll(deleting.said).toContain('watch=true');
    const waiting = talkative('wait', '-n', 'tenant', '--for=delete', 'pod/web', '--timeout=60s');
    await expect.poll(waiting.said).toContain('watch=true');
    expect(await succeeds('get', 'pods', '-n', 'tenant')).toMatch(/web\s+1\/1\s+Terminating/);
    server.store.delete('pods', { namespace: 'tenant', name: 'web' }, { gracePeriodSeconds: 0 });
    expect(await deleting.code).toBe(0);
    expect(await waiting.code).toBe(0);
    await succeeds('delete', '-f', join(folder, 'tenant.yaml'), '--ignore-not-found');
    expect((await kubectl('get', 'ns', 'tenant')).out).toContain('namespaces "tenant" not found');
  });
});
