import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { apiClient } from '../../../src/api/index.ts';
import { SandboxCluster } from '../../../src/sandbox/cluster/cluster.ts';
import { waitForMachine } from '../../../src/sandbox/testkit.ts';

/** Of the network that plays the world (see src/sandbox/machine/topology.ts). */
const CLIENT = '203.0.113.7';
const SERVER = '198.51.100.5';
const [REMOTE, HOST, WORLD] = [30_080, 30_081, 30_082];

const pod = (name: string, port: number, rest: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: elsewhere, labels: { app: ${name} } }
spec:
  ${rest}
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: sandbox/none
      command: [socat, "TCP-LISTEN:${port},fork,reuseaddr,backlog=64", "SYSTEM:echo ${name} sees $SOCAT_PEERADDR; cat"]
      readinessProbe: { tcpSocket: { port: ${port} }, periodSeconds: 1 }
---`;

const MANIFEST = `
apiVersion: v1
kind: Namespace
metadata: { name: elsewhere }
---${pod('remote', 8080, 'nodeName: node-2')}${pod('host', 8081, 'nodeName: node-1\n  hostNetwork: true')}
apiVersion: v1
kind: Service
metadata: { name: remote, namespace: elsewhere }
spec: { type: NodePort, selector: { app: remote }, ports: [{ port: 80, targetPort: 8080, nodePort: ${REMOTE} }] }
---
apiVersion: v1
kind: Service
metadata: { name: host, namespace: elsewhere }
spec: { type: NodePort, selector: { app: host }, ports: [{ port: 80, targetPort: 8081, nodePort: ${HOST} }] }
---
apiVersion: v1
kind: Service
metadata: { name: world, namespace: elsewhere }
spec: { type: NodePort, ports: [{ port: 80, targetPort: 7000, nodePort: ${WORLD} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: world-1, namespace: elsewhere, labels: { kubernetes.io/service-name: world } }
addressType: IPv4
ports: [{ port: 7000, protocol: TCP }]
endpoints: [{ addresses: [${SERVER}], conditions: { ready: true } }]
`;

describe.each(['disabled', 'native'] as const)('node ports of backends elsewhere, XDP %s', (nodePortAcceleration) => {
  const cluster = new SandboxCluster();
  const helpers: ChildProcess[] = [];
  let isUp = false;

  beforeAll(async () => {
    await waitForMachine();
    await cluster.up({ nodes: 2, dns: false, agentConfig: { nodePortAcceleration } });
    isUp = true;
    await cluster.apply(MANIFEST);
    await cluster.waitReady();
    const answer = `SYSTEM:echo world sees $SOCAT_PEERADDR; cat`;
    start('socat', `TCP-LISTEN:7000,bind=${SERVER},fork,reuseaddr`, answer);
    // As with network cards: checksums are whole, and what XDP sends is received.
    const ports = ['mbrup1', 'mbrup2'];
    for (const port of ports) await world('ethtool', '-K', port, 'tx', 'off');
    const receiver = start(process.execPath, join(import.meta.dirname, 'xdp-receiver.ts'), ...ports);
    await once(receiver, 'data');
    const agent = apiClient({ socketPath: `${cluster.node('node-1').agentDir}/admin.sock` });
    await vi.waitFor(async () => {
      const served = (await agent.services()).items.filter(
        ({ name, backendCount }) => name !== 'kubernetes' && backendCount === 1,
      );
      expect(served).toHaveLength(3);
    });
  });

  afterAll(async () => {
    for (const helper of helpers) {
      const ended = helper.exitCode !== null || helper.signalCode !== null;
      helper.kill();
      if (!ended) await once(helper, 'exit');
    }
    if (isUp) await cluster.down();
  });

  /** A process of the world, ended after the tests; its output. */
  function start(...argv: string[]): Readable {
    const helper = spawn('nsenter', ['--net=/run/netns/mbr-world', ...argv], { stdio: ['pipe', 'pipe', 'inherit'] });
    helpers.push(helper);
    return helper.stdout;
  }

  async function world(...argv: string[]): Promise<string> {
    const result = await cluster.worldExec(argv, { timeoutMs: 20_000 });
    if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`);
    return result.stdout;
  }

  /** Asks once, and gets `lines` lines back one by one. */
  async function exchange(node: string, port: number, lines: number): Promise<string[]> {
    const talk = `for i in $(seq ${lines}); do echo line $i; sleep 0.02; done`;
    const socat = `socat -t2 - TCP:${cluster.node(node).ip}:${port},bind=${CLIENT}`;
    return (await world('sh', '-c', `{ ${talk}; } | ${socat}`)).trim().split('\n');
  }

  /** Frames that XDP sent back out of the node's device. */
  async function turnedByXdp(): Promise<number> {
    const { stdout } = await cluster.nodeExec('node-1', ['ethtool', '-S', 'eth0']);
    return [...stdout.matchAll(/xdp_tx: (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  test('a workload has one number on both nodes, which is an object of the API', async () => {
    const twins = [1, 2].map((node) => pod(`twin-${node}`, 8080, `nodeName: node-${node}`));
    await cluster.apply(twins.join('').replaceAll(/app: twin-\d/g, 'app: twin'));
    await cluster.waitReady();
    const numberOf = async (node: string): Promise<number | undefined> => {
      const agent = apiClient({ socketPath: `${cluster.node(node).agentDir}/admin.sock` });
      const numbers = await agent.identities();
      const [twin, ...more] = numbers.filter(({ labels }) => labels.includes('k8s:app=twin'));
      expect(more).toEqual([]);
      return twin?.id;
    };
    const id = (await numberOf('node-1')) ?? expect.fail();
    await vi.waitFor(async () => expect(await numberOf('node-2')).toBe(id), { timeout: 60_000 });
    const ref = { resource: 'identities', name: String(id) };
    const spec = { namespace: 'elsewhere', labels: { app: 'twin' } };
    expect(await cluster.get(ref)).toMatchObject({ spec });
    expect(await cluster.list('identities')).toHaveLength(2);
    await expect(cluster.patch(ref, { spec: { namespace: 'other' } })).rejects.toThrow('cannot change');
    await cluster.delete(ref);
    await vi.waitFor(async () => expect(await cluster.get(ref)).toMatchObject({ spec }), { timeout: 60_000 });
  });

  test.each([
    ['a pod of another node', 'node-1', REMOTE, `remote sees ${CLIENT}`],
    ['a pod of this node', 'node-2', REMOTE, `remote sees ${CLIENT}`],
    ['a process of this node', 'node-1', HOST, `host sees ${CLIENT}`],
    ['a process of another node', 'node-2', HOST, 'host sees 172.18.0.3'],
    ['a server in the world', 'node-1', WORLD, 'world sees 172.18.0.2'],
  ])('%s answers at %s', async (_what, node, port, greeting) => {
    const before = await turnedByXdp();
    const answer = await exchange(node, port, 10);
    expect(answer).toEqual([greeting, ...Array.from({ length: 10 }, (_, index) => `line ${index + 1}`)]);
    // What goes to a pod of another node is the tunnel's, and no driver can put it there.
    const forwarded = port === WORLD;
    const turned = (await turnedByXdp()) - before;
    if (forwarded && nodePortAcceleration === 'native') expect(turned).toBeGreaterThan(10);
    else expect(turned).toBe(0);
  });

  test('goes on while the agent is gone, and after it came back', async () => {
    const talk = exchange('node-1', WORLD, 100);
    await cluster.killAgent('node-1');
    await cluster.startAgent('node-1');
    expect(await talk).toHaveLength(101);
  });
});
