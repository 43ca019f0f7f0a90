import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringAt } from '../apiserver/index.ts';
import { REPOSITORY } from '../machine/paths.ts';
import { waitForMachine } from '../testkit.ts';
import { SandboxCluster } from './cluster.ts';

/** The whole: agent, datapath, CNI client and kubelet together, with the example tenants. */
const cluster = new SandboxCluster();
const tenants = ['tenant-a', 'tenant-b'].map((name) => join(REPOSITORY, `examples/two-tenants/${name}.yaml`));

beforeAll(async () => {
  await waitForMachine();
  await cluster.up({ manifests: tenants, dns: false });
  await cluster.waitReady();
});

afterAll(() => cluster.down());

async function ipOf(namespace: string, name: string): Promise<string> {
  return stringAt(await cluster.get({ resource: 'pods', namespace, name }), 'status', 'podIP') ?? '';
}

async function reaches(namespace: string, name: string, ip: string, port: number): Promise<boolean> {
  const { stdout } = await cluster.exec(namespace, name, [
    'sh',
    '-c',
    'echo x | socat -t15 -T15 - "TCP:$1:$2,connect-timeout=1"',
    'sh',
    ip,
    String(port),
  ]);
  return stdout !== '';
}

function pod(name: string, role: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'tenant-a', labels: { app: 'shop', role } },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'pause' }] },
  });
}

describe('two tenants', () => {
  it('only the frontend of a tenant reaches its backend, on the allowed port', async () => {
    const backend = await ipOf('tenant-a', 'backend');
    await expect.poll(() => reaches('tenant-a', 'frontend', backend, 8080)).toBe(true);
    expect(await reaches('tenant-a', 'frontend', backend, 9090)).toBe(false);
    expect(await reaches('tenant-a', 'other', backend, 8080)).toBe(false);
    expect(await reaches('tenant-b', 'frontend', backend, 8080)).toBe(false);
  });

  it('the next owner of an address inherits nothing', async () => {
    const backend = await ipOf('tenant-a', 'backend');
    const address = await ipOf('tenant-a', 'frontend');
    await cluster.requestAddress('tenant-a', 'chaos', address);
    await cluster.delete({ resource: 'pods', namespace: 'tenant-a', name: 'frontend' }, 0);
    await cluster.apply(pod('chaos', 'chaos'));
    await cluster.waitReady({ pods: ['tenant-a/chaos'] });
    expect(await ipOf('tenant-a', 'chaos')).toBe(address);
    expect(await reaches('tenant-a', 'chaos', backend, 8080)).toBe(false);
    await cluster.apply(pod('frontend', 'frontend'));
    await cluster.waitReady({ pods: ['tenant-a/frontend'] });
    expect(await ipOf('tenant-a', 'frontend')).not.toBe(address);
    await expect.poll(() => reaches('tenant-a', 'frontend', backend, 8080)).toBe(true);
  });

  it('follows a relabel', async () => {
    const backend = await ipOf('tenant-a', 'backend');
    const ref = { resource: 'pods', namespace: 'tenant-a', name: 'chaos' };
    await cluster.patch(ref, { metadata: { labels: { role: 'frontend' } } });
    await expect.poll(() => reaches('tenant-a', 'chaos', backend, 8080)).toBe(true);
    await cluster.patch(ref, { metadata: { labels: { role: 'chaos' } } });
    await expect.poll(() => reaches('tenant-a', 'chaos', backend, 8080)).toBe(false);
  });

  it('keeps its verdicts while the agent is dead, starts no pod then, and goes on when it is back', async () => {
    const backend = await ipOf('tenant-a', 'backend');
    await cluster.killAgent('node-1');
    expect(await cluster.agentPid('node-1')).toBeUndefined();
    await expect.poll(() => reaches('tenant-a', 'frontend', backend, 8080)).toBe(true);
    expect(await reaches('tenant-a', 'other', backend, 8080)).toBe(false);
    await cluster.apply(pod('later', 'frontend'));
    await expect(cluster.waitReady({ pods: ['tenant-a/later'], timeoutMs: 1_000 })).rejects.toThrowError(
      expect.objectContaining({ code: 'E_SANDBOX_TIMEOUT' }),
    );
    await cluster.startAgent('node-1');
    await cluster.waitReady({ pods: ['tenant-a/later'] });
    await expect.poll(() => reaches('tenant-a', 'later', backend, 8080)).toBe(true);
    expect(await reaches('tenant-a', 'other', backend, 8080)).toBe(false);
  });

  it('starts an agent again that dies by itself', async () => {
    const first = await cluster.agentPid('node-1');
    expect(first).toBeDefined();
    process.kill(first ?? 0, 'SIGKILL');
    await expect.poll(async () => ![undefined, first].includes(await cluster.agentPid('node-1'))).toBe(true);
  });
});
