import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiClient, apiClient } from '../../src/api/index.ts';
import { buildPacket, macOfAddr, parseAddr, parseMac } from '../../src/net/index.ts';
import { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';
import { waitForMachine } from '../../src/sandbox/testkit.ts';
import { eventually } from './services/eventually.ts';

/** An address of the world (see src/sandbox/machine/topology.ts). */
const OUTSIDER = '198.51.100.5';
const STRANGER = '203.0.113.7';
const NAMESPACE = 'across';
const [TCP, UDP] = [8080, 9090];
/** Node ports: of any node, and of the backend's own. */
const [CLUSTER, LOCAL] = [30_090, 30_091];

const pod = (name: string, app: string, node: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${NAMESPACE}, labels: { app: ${app} } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: sandbox/none
      command: [sh, -c, '${command}']
---`;

const SERVES = `socat UDP-RECVFROM:${UDP},fork,reuseaddr EXEC:cat & exec socat TCP-LISTEN:${TCP},fork,reuseaddr,backlog=64 "SYSTEM:echo seen \\$SOCAT_PEERADDR; cat"`;
const IDLES = 'exec sleep infinity';

const nodePort = (name: string, policy: string, port: number): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  type: NodePort
  externalTrafficPolicy: ${policy}
  selector: { reach: outside }
  ports:
    - { name: tcp, protocol: TCP, port: 80, targetPort: ${TCP}, nodePort: ${port} }
    - { name: udp, protocol: UDP, port: 80, targetPort: ${UDP}, nodePort: ${port} }
---`;

const MANIFEST = `
apiVersion: v1
kind: Namespace
metadata: { name: ${NAMESPACE} }
---${pod('client', 'client', 'node-1', IDLES)}${pod('stranger', 'stranger', 'node-1', IDLES)}${pod('server', 'server', 'node-2', SERVES)}
apiVersion: v1
kind: Service
metadata: { name: server, namespace: ${NAMESPACE} }
spec: { selector: { app: server }, ports: [{ port: 80, targetPort: ${TCP} }] }
---
${nodePort('cluster', 'Cluster', CLUSTER)}${nodePort('local', 'Local', LOCAL)}
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
  await cluster.up({ nodes: 2, dns: false });
  isUp = true;
  await cluster.apply(MANIFEST);
  await cluster.waitReady();
  const answers = async () => (await ask('client', await ip('server'))).includes('seen');
  await eventually('the client reaches the server', answers);
});

afterAll(async () => {
  if (isUp) await cluster.down();
});

const agent = (node: string): ApiClient => apiClient({ socketPath: join(cluster.node(node).agentDir, 'admin.sock') });

async function ip(name: string): Promise<string> {
  const found = await cluster.get({ resource: 'pods', namespace: NAMESPACE, name });
  return (found?.['status'] as { podIP?: string } | undefined)?.podIP ?? '';
}

/** What a pod hears from an address when it says hello there; nothing when it does not get there. */
async function ask(from: string, to: string, port = TCP): Promise<string> {
  const line = `echo hello | socat -t15 - TCP:${to}:${port},connect-timeout=2`;
  return (await cluster.exec(NAMESPACE, from, ['sh', '-c', line], { timeoutMs: 20_000 })).stdout;
}

/** Packets that a node dropped for this reason. */
async function dropped(node: string, reason: string): Promise<number> {
  const text = await agent(node).metrics();
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`membrane_datapath_packets_total{reason="${reason}"`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

test('a pod is known on another node by who it is, under its own address', async () => {
  expect(await ask('client', await ip('server'))).toBe(`seen ${await ip('client')}\nhello\n`);
  const before = await dropped('node-2', 'policy-ingress');
  expect(await ask('stranger', await ip('server'))).toBe('');
  await expect.poll(async () => await dropped('node-2', 'policy-ingress')).toBeGreaterThan(before);
});

test('nothing is wrong with either node', async () => {
  for (const node of ['node-1', 'node-2']) {
    const wrong = async () =>
      (await agent(node).status()).checks.flatMap(({ ok, name, detail }) => (ok ? [] : [`${name}: ${detail}`]));
    await expect.poll(wrong).toEqual([]);
  }
});

test('what a node tells of its pods is put right, and nobody else is believed about them', async () => {
  const slices = (name: string) => ({ resource: 'nodeendpointslices', name });
  const addr = await ip('server');
  const told = async () => JSON.stringify((await cluster.get(slices('node-2.0')))?.['spec'] ?? {}).includes(addr);
  await eventually('node-2 tells of its pod', told);
  await cluster.patch(slices('node-2.0'), { spec: { endpoints: [] } });
  await eventually('it tells of it again', told);
  const claim = { namespace: NAMESPACE, name: 'stranger', identity: 256, addresses: [addr] };
  await cluster.patch(slices('node-1.0'), { spec: { endpoints: [claim] } });
  await cluster.apply(`
apiVersion: membrane.io/v1alpha1
kind: NodeEndpointSlice
metadata: { name: node-9.0 }
spec: { node: node-9, slice: 0, endpoints: [${JSON.stringify(claim)}] }
`);
  const doubts = async (node: string) =>
    (await agent(node).status()).checks.find(({ name }) => name === 'addresses')?.detail ?? '';
  await eventually('the forged one is noticed', async () =>
    (await doubts('node-1')).includes(`not there, which nobody believes: ${addr}`),
  );
  await eventually('the client reaches the server', async () => (await ask('client', addr)).includes('seen'));
  await cluster.delete(slices('node-9.0'));
  await eventually('all is well', async () => !(await doubts('node-1')).includes('believes'));
});

test('datagrams get there, in one piece or in several', async () => {
  for (const bytes of [100, 1450, 4000]) {
    const line = `head -c ${bytes} /dev/zero | socat -b 65000 -t2 - UDP:${await ip('server')}:${UDP} | wc -c`;
    // Who answers is a process that is only made for it: a busy machine may take more than these two seconds.
    await eventually(`${bytes} bytes come back`, async () => {
      const { stdout } = await cluster.exec(NAMESPACE, 'client', ['sh', '-c', line], { timeoutMs: 20_000 });
      return Number(stdout) === bytes;
    });
  }
});

test('a long stream arrives whole', async () => {
  const talk = `head -c 20000000 /dev/zero | socat -t60 - TCP:${await ip('server')}:${TCP} | wc -c`;
  const { stdout } = await cluster.exec(NAMESPACE, 'client', ['sh', '-c', talk], { timeoutMs: 240_000 });
  expect(Number(stdout)).toBe(20_000_000 + `seen ${await ip('client')}\n`.length);
});

test('a service has its backend on the other node, which sees the client', async () => {
  const service = await cluster.get({ resource: 'services', namespace: NAMESPACE, name: 'server' });
  const { clusterIP = '' } = (service?.['spec'] ?? {}) as { clusterIP?: string };
  const heard = `seen ${await ip('client')}\nhello\n`;
  await eventually('the service answers', async () => (await ask('client', clusterIP, 80)) === heard);
  expect(await ask('stranger', clusterIP, 80)).toBe('');
});

test('on nodes that nobody has touched every check of either agent is well', async () => {
  const failing = async (node: string) => (await agent(node).status()).checks.filter(({ ok }) => !ok);
  for (const node of ['node-1', 'node-2']) await expect.poll(() => failing(node)).toEqual([]);
});

test('a process of a node reaches pods of the other as that node, if policy says so', async () => {
  const line = async () =>
    (
      await cluster.nodeExec(
        'node-1',
        ['sh', '-c', `echo hello | socat -t15 - TCP:${await ip('server')}:${TCP},connect-timeout=2`],
        { timeoutMs: 20_000 },
      )
    ).stdout;
  const before = await dropped('node-2', 'policy-ingress');
  expect(await line()).toBe('');
  await expect.poll(async () => await dropped('node-2', 'policy-ingress')).toBeGreaterThan(before);
  await cluster.patch(
    { resource: 'pods', namespace: NAMESPACE, name: 'server' },
    { metadata: { labels: { app: 'open' } } },
  );
  const source = cluster.node('node-1').ip;
  await eventually('the node is let in', async () => (await line()) === `seen ${source}\nhello\n`);
  await cluster.patch(
    { resource: 'pods', namespace: NAMESPACE, name: 'server' },
    { metadata: { labels: { app: 'server' } } },
  );
  await eventually('the policy holds again', async () => (await ask('client', await ip('server'))).includes('seen'));
});

describe('a client outside who comes to a node for a pod of the other', () => {
  const world = async (from: string, node: string, port: number, talk = 'echo hello') => {
    const line = `${talk} | socat -t15 - TCP:${cluster.node(node).ip}:${port},bind=${from},connect-timeout=2`;
    return (await cluster.worldExec(['sh', '-c', line], { timeoutMs: 240_000 })).stdout;
  };
  const hello = `seen ${OUTSIDER}\nhello\n`;

  beforeAll(async () => {
    await cluster.apply(`${pod('public', 'public', 'node-2', SERVES).replace('app: public', 'app: public, reach: outside')}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: public, namespace: ${NAMESPACE} }
spec:
  podSelector: { matchLabels: { app: public } }
  policyTypes: [Ingress]
  ingress: [{ from: [{ ipBlock: { cidr: ${OUTSIDER}/32 } }] }]
`);
    await cluster.waitReady();
    await eventually('it is served', async () => (await world(OUTSIDER, 'node-1', CLUSTER)) === hello);
  });

  test('is known there by his own address, to policy and to the pod', async () => {
    for (const node of ['node-1', 'node-2'])
      await eventually(`${node} serves it`, async () => (await world(OUTSIDER, node, CLUSTER)) === hello);
    const before = await dropped('node-2', 'policy-ingress');
    expect(await world(STRANGER, 'node-1', CLUSTER)).toBe('');
    await expect.poll(async () => await dropped('node-2', 'policy-ingress')).toBeGreaterThan(before);
    const port = { target: `${cluster.node('node-1').ip}:${CLUSTER}`, bind: OUTSIDER };
    const line = `echo hello | socat -t2 - UDP:${port.target},bind=${port.bind}`;
    await eventually('a datagram is answered', async () => {
      return (await cluster.worldExec(['sh', '-c', line], { timeoutMs: 20_000 })).stdout === 'hello\n';
    });
  });

  test('where only a pod of the node may serve, reaches none elsewhere', async () => {
    await eventually('its own node serves it', async () => (await world(OUTSIDER, 'node-2', LOCAL)) === hello);
    expect(await world(OUTSIDER, 'node-1', LOCAL)).toBe('');
  });

  test('sends and gets long streams whole', async () => {
    const stream = await world(OUTSIDER, 'node-1', CLUSTER, 'head -c 5000000 /dev/zero | tr "\\0" x');
    expect(stream.length).toBe(5_000_000 + `seen ${OUTSIDER}\n`.length);
  });

  test('goes on where the agents are gone meanwhile', async () => {
    const talk = world(OUTSIDER, 'node-1', CLUSTER, 'for i in $(seq 40); do echo hello; sleep 0.1; done');
    for (const node of ['node-1', 'node-2']) {
      await cluster.killAgent(node);
      await cluster.startAgent(node);
    }
    expect((await talk).split('\n')).toHaveLength(42);
    for (const node of ['node-1', 'node-2']) {
      const ready = () => agent(node).status();
      await eventually(
        `the agent of ${node} serves`,
        async () => (await ready().catch(() => undefined))?.ready === true,
      );
    }
  });

  test('is nobody who says so without a node', async () => {
    const said = await forged({ from: OUTSIDER, to: await ip('public'), identity: 2, reach: 'public' });
    const send = (bind: string) => `echo ${said} | base64 -d | socat -u - UDP:${cluster.node('node-2').ip}:8472${bind}`;
    const before = await dropped('node-2', 'unknown-node');
    await cluster.worldExec(['sh', '-c', send(`,bind=${STRANGER}`)], { timeoutMs: 20_000 });
    await eventually('its node drops it', async () => (await dropped('node-2', 'unknown-node')) > before);
    const ofPods = await dropped('node-1', 'forged-tunnel');
    await cluster.exec(NAMESPACE, 'client', ['sh', '-c', send('')], { timeoutMs: 20_000 });
    await eventually('a pod is stopped at home', async () => (await dropped('node-1', 'forged-tunnel')) > ofPods);
  });
});

/** A VXLAN packet with the client's identity, to the server. */
async function trusted(): Promise<string> {
  const client = (await agent('node-1').endpoints()).find(({ pod: name }) => name === 'client');
  return await forged({
    from: await ip('client'),
    to: await ip('server'),
    identity: client?.identity ?? 0,
    reach: 'server',
  });
}

type Forgery = { readonly from: string; readonly to: string; readonly identity: number; readonly reach: string };

/** A VXLAN packet, base64; `reach`: the pod of node-2 that is named as the one to reach. */
async function forged({ from: source, to: destination, identity, reach }: Forgery): Promise<string> {
  const [from, to] = [parseAddr(source), parseAddr(destination)];
  const server = (await agent('node-2').endpoints()).find(({ pod: name }) => name === reach);
  const header = Buffer.alloc(8);
  header.writeUInt8(0x88, 0);
  header.writeUInt16BE(server?.identity ?? 0, 2);
  header.writeUInt32BE(identity << 8, 4);
  const frame = buildPacket({
    ethernet: { source: macOfAddr(from), destination: parseMac('0a:58:a9:fe:01:01') },
    network: { kind: 'ipv4', source: from, destination: to },
    transport: { kind: 'udp', sourcePort: 40_000, destinationPort: UDP, payload: new Uint8Array(8) },
  });
  return Buffer.concat([header, frame]).toString('base64');
}

test('VXLAN with a trusted identity is dropped that no node has sent', async () => {
  const node = cluster.node('node-2').ip;
  const send = (bind: string) => `base64 -d | socat -u - UDP:${node}:8472${bind}`;
  const packet = await trusted();
  const before = await dropped('node-2', 'unknown-node');
  await cluster.worldExec(['sh', '-c', `echo ${packet} | ${send(`,bind=${OUTSIDER}`)}`], { timeoutMs: 20_000 });
  await eventually('the node drops it', async () => (await dropped('node-2', 'unknown-node')) > before);
  const forgedBefore = await dropped('node-1', 'forged-tunnel');
  await cluster.exec(NAMESPACE, 'client', ['sh', '-c', `echo ${packet} | ${send('')}`], { timeoutMs: 20_000 });
  await eventually('its own node drops a pod’s', async () => (await dropped('node-1', 'forged-tunnel')) > forgedBefore);
});

test('a second node with a range costs the pods of that range their way, and only that, until it is gone', async () => {
  const to = await ip('server');
  const range = `${to.split('.').slice(0, 3).join('.')}.0/24`;
  await cluster.apply(`
apiVersion: v1
kind: Node
metadata: { name: node-9 }
spec: { podCIDR: ${range}, podCIDRs: [${range}] }
`);
  const before = await dropped('node-1', 'no-endpoint');
  await eventually(
    'nobody is believed about the range',
    async () => (await ask('client', to)) === '' && (await dropped('node-1', 'no-endpoint')) > before,
  );
  const told = async () => (await agent('node-1').status()).checks.find(({ name }) => name === 'ranges');
  await expect.poll(told).toMatchObject({ ok: false, detail: expect.stringContaining('node-9') });
  const own = `echo hello | socat -t15 - TCP:${to}:${TCP},connect-timeout=2`;
  const { stdout } = await cluster.nodeExec('node-2', ['sh', '-c', own], { timeoutMs: 20_000 });
  expect(stdout, 'on its own node it is known').toContain('hello');
  await eventually('the object says so', async () =>
    (await cluster.list('events', 'default')).some(
      ({ reason, involvedObject }) =>
        reason === 'RangeConflict' && (involvedObject as { name?: string } | undefined)?.name?.startsWith('node-'),
    ),
  );
  await cluster.delete({ resource: 'nodes', name: 'node-9' });
  await eventually('it has its range for itself', async () => (await ask('client', to)).includes('seen'));
  await expect.poll(async () => (await told())?.ok).toBe(true);
});

test('a node whose address is changed under it says so, is believed by nobody, and is itself again when that is right', async () => {
  const node = { resource: 'nodes', name: 'node-2' };
  const isAt = async (address: string) =>
    await cluster.patchStatus(node, { addresses: [{ type: 'InternalIP', address }] });
  const said = async () => (await agent('node-2').status()).checks.find(({ name }) => name === 'node');
  const to = await ip('server');
  const before = await dropped('node-1', 'unknown-node');
  await isAt('172.18.0.99');
  await expect.poll(said).toMatchObject({ ok: false, detail: expect.stringContaining('sends to other nodes as') });
  const speak = ['sh', '-c', `echo hello | socat -t1 - UDP:${await ip('client')}:${UDP}`];
  await eventually('the other drops what it sends', async () => {
    await cluster.nodeExec('node-2', speak, { timeoutMs: 20_000 });
    return (await dropped('node-1', 'unknown-node')) > before && (await ask('client', to)) === '';
  });
  const own = ['sh', '-c', `echo hello | socat -t15 - TCP:${to}:${TCP},connect-timeout=2`];
  expect((await cluster.nodeExec('node-2', own, { timeoutMs: 20_000 })).stdout, 'its own pod').toContain('hello');
  await eventually('the object says so', async () =>
    (await cluster.list('events', 'default')).some(
      ({ reason, involvedObject }) =>
        reason === 'AddressConflict' && (involvedObject as { name?: string } | undefined)?.name === 'node-2',
    ),
  );
  await isAt(cluster.node('node-2').ip);
  await eventually('it is reached again', async () => (await ask('client', to)).includes('seen'));
  await expect.poll(async () => (await said())?.ok).toBe(true);
});

/** While the agent of this node is stopped. */
async function withoutAgent(node: string, act: () => Promise<void>): Promise<void> {
  const pid = (await cluster.agentPid(node)) ?? expect.fail();
  process.kill(pid, 'SIGSTOP');
  try {
    await act();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

test('an Identity that is deleted or made another’s while pods have it closes these, on either node, until they have one again', async () => {
  const to = await ip('server');
  const own = async () => {
    const found = (await agent('node-2').endpoints()).find(({ pod: name }) => name === 'server');
    return { resource: 'identities', name: String(found?.identity) };
  };
  const said = async (reason: string, name: string) =>
    (await cluster.list('events', 'default')).some(
      (event) =>
        event['reason'] === reason && (event['involvedObject'] as { name?: string } | undefined)?.name === name,
    );
  const standing = async () => {
    const views = await Promise.all(['node-1', 'node-2'].map(async (node) => await agent(node).status()));
    return views.flatMap(({ checks }) => checks.filter(({ name, ok }) => name === 'identities' && !ok));
  };
  const identity = await own();
  await withoutAgent('node-2', async () => {
    await cluster.delete(identity);
    await eventually('the other node knows nobody of that number', async () => (await ask('client', to)) === '');
  });
  await eventually('it is made again', async () => (await cluster.get(identity)) !== undefined);
  await eventually('and is reached', async () => (await ask('client', to)).includes('seen'));
  await eventually('the object says so', async () => await said('IdentityDeleted', identity.name));
  await expect.poll(standing).toEqual([]);
  expect(await own(), 'by the number that it had').toEqual(identity);

  await withoutAgent('node-2', async () => {
    await cluster.delete(identity);
    const spec = { cluster: 'default', namespace: 'thief', serviceAccount: 'default' };
    const metadata = { name: identity.name };
    await cluster.apply(JSON.stringify({ apiVersion: 'membrane.io/v1alpha1', kind: 'Identity', metadata, spec }));
  });
  await eventually('the object says so', async () => await said('IdentityChanged', identity.name));
  await eventually('it has another number', async () => (await own()).name !== identity.name);
  await eventually('under which it is reached', async () => (await ask('client', to)).includes('seen'));
  expect(await ask('stranger', to)).toBe('');
  await expect.poll(standing).toEqual([]);
});

test('what was meant for who had other labels does not reach him while the sender’s agent is stopped', async () => {
  const to = await ip('server');
  await withoutAgent('node-1', async () => {
    await cluster.patch(
      { resource: 'pods', namespace: NAMESPACE, name: 'server' },
      { metadata: { labels: { app: 'open' } } },
    );
    const before = await dropped('node-2', 'stale-destination');
    await eventually('packets for the former one are dropped', async () => {
      await ask('stranger', to);
      return (await dropped('node-2', 'stale-destination')) > before;
    });
    expect(await ask('client', to)).toBe('');
  });
  await eventually('and who knows of it gets there', async () => (await ask('stranger', to)).includes('seen'));
});
