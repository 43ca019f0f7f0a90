import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiClient, apiClient } from '../../src/api/index.ts';
import { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';
import { waitForMachine } from '../../src/sandbox/testkit.ts';
import { eventually } from './services/eventually.ts';

const NAMESPACE = 'routed';
const TCP = 8080;

const pod = (name: string, node: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${NAMESPACE}, labels: { app: ${name} } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers: [{ name: main, image: sandbox/none, command: [sh, -c, '${command}'] }]
---`;

const SERVES = `exec socat TCP-LISTEN:${TCP},fork,reuseaddr,backlog=64 "SYSTEM:echo seen \\$SOCAT_PEERADDR; cat"`;
const IDLES = 'exec sleep infinity';

const MANIFEST = `
apiVersion: v1
kind: Namespace
metadata: { name: ${NAMESPACE} }
---${pod('client', 'node-1', IDLES)}${pod('stranger', 'node-1', IDLES)}${pod('server', 'node-2', SERVES)}
apiVersion: v1
kind: Service
metadata: { name: server, namespace: ${NAMESPACE} }
spec: { selector: { app: server }, ports: [{ port: 80, targetPort: ${TCP} }] }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: server, namespace: ${NAMESPACE} }
spec:
  podSelector: { matchLabels: { app: server } }
  policyTypes: [Ingress]
  ingress: [{ from: [{ podSelector: { matchLabels: { app: client } } }] }]
`;

const cluster = new SandboxCluster();
let isUp = false;

beforeAll(async () => {
  await waitForMachine();
  await cluster.up({ nodes: 2, dns: false, agentConfig: { routing: 'native' } });
  isUp = true;
  await cluster.apply(MANIFEST);
  await cluster.waitReady();
  await eventually('the client reaches the server', async () =>
    (await ask('client', await ip('server'))).includes('seen'),
  );
});

afterAll(async () => {
  if (isUp) await cluster.down();
});

const agent = (node: string): ApiClient => apiClient({ socketPath: join(cluster.node(node).agentDir, 'admin.sock') });

async function ip(name: string): Promise<string> {
  const found = await cluster.get({ resource: 'pods', namespace: NAMESPACE, name });
  return (found?.['status'] as { podIP?: string } | undefined)?.podIP ?? '';
}

const line = (to: string, port: number) => [
  'sh',
  '-c',
  `echo hello | socat -t15 - TCP:${to}:${port},connect-timeout=2`,
];

/** What a pod hears from an address when it says hello there; nothing when it does not get there. */
async function ask(from: string, to: string, port = TCP): Promise<string> {
  return (await cluster.exec(NAMESPACE, from, line(to, port), { timeoutMs: 20_000 })).stdout;
}

test('nothing is wrong with either node, and which mode it is is said, with what it is worth', async () => {
  for (const node of ['node-1', 'node-2']) {
    const checks = async () => (await agent(node).status()).checks;
    await expect.poll(async () => (await checks()).filter(({ ok }) => !ok)).toEqual([]);
    const routing = (await checks()).find(({ name }) => name === 'routing')?.detail;
    expect(routing).toMatch(/^native: pods of other nodes are known by their addresses alone/);
    expect(routing).toContain('what a new one sends is dropped (unencapsulated) until its node has told of it');
  }
});

test('a pod is known on the other node by its address, under which it comes, and by no tunnel', async () => {
  expect(await ask('client', await ip('server'))).toBe(`seen ${await ip('client')}\nhello\n`);
  expect(await ask('stranger', await ip('server'))).toBe('');
  await expect
    .poll(async () => await agent('node-2').metrics())
    .toMatch(/^membrane_datapath_packets_total\{reason="policy-ingress".* [1-9]\d*$/m);
  const { stdout } = await cluster.nodeExec('node-1', ['ip', 'link', 'show', 'type', 'vxlan'], { timeoutMs: 20_000 });
  expect(stdout).toBe('');
});

test('a service has its backend on the other node, which sees the client', async () => {
  const service = await cluster.get({ resource: 'services', namespace: NAMESPACE, name: 'server' });
  const { clusterIP = '' } = (service?.['spec'] ?? {}) as { clusterIP?: string };
  const heard = `seen ${await ip('client')}\nhello\n`;
  await eventually('the service answers', async () => (await ask('client', clusterIP, 80)) === heard);
  expect(await ask('stranger', clusterIP, 80)).toBe('');
});

test('routes are there for as long as their node is, and come again', async () => {
  const routes = async () =>
    (await cluster.nodeExec('node-1', ['ip', 'route', 'show', 'proto', '77'], { timeoutMs: 20_000 })).stdout.trim();
  const own = `10.244.2.0/24 via ${cluster.node('node-2').ip} dev eth0`;
  expect(await routes()).toBe(own);
  await cluster.nodeExec('node-1', ['ip', 'route', 'del', '10.244.2.0/24'], { timeoutMs: 20_000 });
  await eventually('the route is there again', async () => (await routes()) === own);
});

test('with a pod’s labels changes who it is on the other node', async () => {
  const server = { resource: 'pods', namespace: NAMESPACE, name: 'client' };
  await cluster.patch(server, { metadata: { labels: { app: 'other' } } });
  await eventually('it is not let in any more', async () => (await ask('client', await ip('server'))) === '');
  await cluster.patch(server, { metadata: { labels: { app: 'client' } } });
  await eventually('it is again', async () => (await ask('client', await ip('server'))).includes('seen'));
});
