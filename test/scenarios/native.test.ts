import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiClient, apiClient } from '../../src/api/index.ts';
import { kubeProxyRules } from '../../src/demonstration/stage/kube-proxy-rules.ts';
import { parseAddr } from '../../src/net/index.ts';
import { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';
import { waitForMachine } from '../../src/sandbox/testkit.ts';
import { eventually } from './services/eventually.ts';

const NAMESPACE = 'routed';
const TCP = 8080;
const UDP = 8081;
const NODE_PORT = 30_480;

const pod = (name: string, node: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${NAMESPACE}, labels: { app: ${name} } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers: [{ name: main, image: sandbox/none, command: [sh, -c, '${command}'] }]
---`;

/** A datagram of more than fits into a frame is answered whole. */
const SERVES = `socat UDP-RECVFROM:${UDP},fork,reuseaddr EXEC:cat & exec socat TCP-LISTEN:${TCP},fork,reuseaddr,backlog=64 "SYSTEM:echo seen \\$SOCAT_PEERADDR; cat"`;
const IDLES = 'exec sleep infinity';

const MANIFEST = `
apiVersion: v1
kind: Namespace
metadata: { name: ${NAMESPACE} }
---${pod('client', 'node-1', IDLES)}${pod('stranger', 'node-1', IDLES)}${pod('server', 'node-2', SERVES)}${pod('open', 'node-2', SERVES)}
apiVersion: v1
kind: Service
metadata: { name: server, namespace: ${NAMESPACE} }
spec: { selector: { app: server }, ports: [{ port: 80, targetPort: ${TCP} }] }
---
apiVersion: v1
kind: Service
metadata: { name: open, namespace: ${NAMESPACE} }
spec: { type: NodePort, selector: { app: open }, ports: [{ port: 80, targetPort: ${TCP}, nodePort: ${NODE_PORT} }] }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: server, namespace: ${NAMESPACE} }
spec:
  podSelector: { matchLabels: { app: server } }
  policyTypes: [Ingress]
  ingress: [{ from: [{ podSelector: { matchLabels: { app: client } } }] }]
`;

/** Read whenever an agent starts. */
const agentConfig = { routing: 'native', enableServices: true };
const NODES = ['node-1', 'node-2'] as const;
const cluster = new SandboxCluster();
let isUp = false;

beforeAll(async () => {
  await waitForMachine();
  await cluster.up({ nodes: 2, dns: false, agentConfig });
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

async function clusterIp(name: string): Promise<string> {
  const service = await cluster.get({ resource: 'services', namespace: NAMESPACE, name });
  return (service?.['spec'] as { clusterIP?: string } | undefined)?.clusterIP ?? '';
}

/** The rules of a kube-proxy for both services, with the one that drops what conntrack knows nothing of. */
async function turnByRules(): Promise<void> {
  const services = await Promise.all(
    [
      { name: 'server', nodePort: NODE_PORT - 1 },
      { name: 'open', nodePort: NODE_PORT },
    ].map(async ({ name, nodePort }) => ({
      protocol: 'TCP' as const,
      clusterIp: parseAddr(await clusterIp(name)),
      port: 80,
      nodePort,
      backend: { ip: parseAddr(await ip(name)), port: TCP },
    })),
  );
  for (const node of NODES) {
    const rules = kubeProxyRules('10.244.0.0/16', services).split('\n');
    // As for externalTrafficPolicy Local where the backend is: the client keeps his address.
    const own = node === 'node-2' ? rules.filter((rule) => !rule.includes('masquerade external traffic')) : rules;
    const file = join(cluster.node(node).dir, 'kube-proxy.rules');
    await writeFile(file, own.join('\n'));
    await onNode(node, 'env', 'XTABLES_LOCKFILE=/run/xtables.lock', 'iptables-restore', file);
  }
}

async function onNode(node: string, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.nodeExec(node, argv, { timeoutMs: 20_000 });
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return stdout;
}

async function serveOurselves(isOurs: boolean): Promise<void> {
  agentConfig.enableServices = isOurs;
  const restart = async (node: string) => {
    await cluster.killAgent(node);
    await cluster.startAgent(node);
    await eventually('the agent is ready', async () => (await agent(node).status()).ready);
  };
  await Promise.all(NODES.map(restart));
}

/** How many bytes come back of as many; a server of datagrams does not say that it has ended. */
const echo = (size: number, to: string): string[] => [
  'sh',
  '-c',
  `head -c ${size} /dev/zero | socat -t1 -b 65000 - ${to},connect-timeout=2 | tr -cd '\\0' | wc -c`,
];
const LARGE = 300_000;
/** Of more than one frame. */
const DATAGRAM = 4_000;

/** Everything that is to work while both nodes have such rules, whoever serves. */
async function tryAllWays(): Promise<void> {
  const [server, open, serverIp, openIp] = await Promise.all([
    ip('server'),
    ip('open'),
    clusterIp('server'),
    clusterIp('open'),
  ]);
  const own = `seen ${await ip('client')}\nhello\n`;
  const asks = async (to: string, port: number) => (await ask('client', to, port)) === own;
  const inPod = async (argv: string[]) => await cluster.exec(NAMESPACE, 'client', argv, { timeoutMs: 20_000 });
  const isEchoed = async (size: number, to: string) => Number((await inPod(echo(size, to))).stdout) === size;
  const isServed = ({ stdout }: { readonly stdout: string }) => /^seen .*\nhello\n$/.test(stdout);
  const node = async (to: string, port: number) =>
    isServed(await cluster.nodeExec('node-1', line(to, port), { timeoutMs: 20_000 }));
  const world = async (to: string) => isServed(await cluster.worldExec(line(cluster.node(to).ip, NODE_PORT)));

  await eventually('a pod is asked from the other node', async () => await asks(server, TCP));
  await eventually('and by its service', async () => await asks(serverIp, 80));
  await eventually('for much', async () => await isEchoed(LARGE, `TCP:${open}:${TCP}`));
  await eventually('with a large datagram', async () => await isEchoed(DATAGRAM, `UDP:${open}:${UDP}`));
  await eventually('and a ping', async () => (await inPod(['ping', '-c1', '-W2', open])).code === 0);
  await eventually('by the other node itself', async () => await node(open, TCP));
  await eventually('by the service', async () => await node(openIp, 80));
  await eventually('from outside, by the node that has no backend', async () => await world('node-1'));
  await eventually('and by the one that has it', async () => await world('node-2'));
  expect(await Promise.all([ask('stranger', server), ask('stranger', serverIp, 80)])).toEqual(['', '']);
}

test('beside a kube-proxy, whoever serves, the stack sees both directions of what it tracks', async () => {
  await turnByRules();
  await tryAllWays();
  await serveOurselves(false);
  await tryAllWays();
  await serveOurselves(true);
  await tryAllWays();
});
