import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { KubeClient, loadKubeconfig } from '../kube/index.ts';
import { cgroupMount } from './machine/cgroup.ts';
import { newViewArgv, REPOSITORY } from './machine/index.ts';

const podList = z.object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) });

const MEMBRANE = join(REPOSITORY, 'membrane');
const NAMES = ['left', 'right'];
const [view = '', ...viewArgs] = newViewArgv(['true']);
const title = spawnSync(view, viewArgs).status === 0 ? '' : ' (this machine gives no private views)';

function membrane(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(MEMBRANE, args, { encoding: 'utf8' });
  return { status, out: stdout.trim(), err: stderr };
}

/** Two pods of the same names in each; what the server says is the name of the sandbox. */
const manifest = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: server, labels: { app: server } }
spec: { containers: [{ name: main, image: hashicorp/http-echo, args: ["-listen=:8080", "-text=${name}"] }] }
---
apiVersion: v1
kind: Service
metadata: { name: server }
spec: { selector: { app: server }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec: { containers: [{ name: main, image: busybox, command: [sleep, "100000"] }] }
`;

const ask = (name: string) =>
  membrane('sandbox', 'exec', '--name', name, 'default/client', '--', 'curl', '-sS', 'http://server.default');

const CGROUPS = cgroupMount(readFileSync('/proc/mounts', 'utf8')) ?? '';
const viewsLeft = (): string[] => readdirSync(CGROUPS).filter((name) => name.startsWith('mbr-view-'));

async function podsOf(kubeconfig: string): Promise<string[]> {
  const client = new KubeClient(loadKubeconfig(kubeconfig));
  try {
    const { items } = podList.parse(await client.request({ method: 'GET', path: '/api/v1/namespaces/default/pods' }));
    return items.map(({ metadata }) => metadata.name).toSorted();
  } finally {
    client.close();
  }
}

describe.skipIf(title !== '')(`sandboxes of a name${title}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'named-'));

  beforeAll(() => {
    for (const name of NAMES) {
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, manifest(name));
      const { status, out, err } = membrane('sandbox', 'up', '-d', '--name', name, '--file', file);
      expect([status, err]).toEqual([0, '']);
      expect(out).toContain(`membrane sandbox down --name ${name}`);
      expect(out).toContain(`export KUBECONFIG=${membrane('sandbox', 'kubeconfig', '--name', name).out}`);
    }
  }, 300_000);
  afterAll(() => {
    for (const name of NAMES) membrane('sandbox', 'down', '--name', name);
    rmSync(folder, { recursive: true });
  });

  it('stand beside each other, each with its own pods, network and agents', async () => {
    for (const name of NAMES) {
      await expect.poll(() => ask(name)).toEqual({ status: 0, out: name, err: '' });
      const status = membrane('sandbox', 'enter', name, '--', 'membrane', 'status');
      expect([status.status, status.err]).toEqual([0, '']);
    }
    expect(existsSync('/run/membrane-sandbox')).toBe(false);
  });

  it('are reached from the machine, each by a kubeconfig for root only', async () => {
    for (const name of NAMES) {
      const path = membrane('sandbox', 'kubeconfig', '--name', name).out;
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(await podsOf(path)).toEqual(['client', 'server']);
    }
    expect(new Set(NAMES.map((name) => readFileSync(`/run/membrane-sandboxes/${name}/kubeconfig`, 'utf8'))).size).toBe(
      2,
    );
  });

  it('are one for each name', () => {
    const again = membrane('sandbox', 'up', '-d', '--name', 'left');
    expect(again).toMatchObject({ status: 4, err: expect.stringContaining('E_SANDBOX_RUNNING') });
    expect(membrane('sandbox', 'kubeconfig', '--name', 'nobody').err).toContain('membrane sandbox up --name nobody');
    expect(membrane('sandbox', 'up', '--name', '../x').err).toContain('E_SANDBOX_UNSAFE_NAME');
  });

  it('end alone, and leave nothing behind', async () => {
    const right = membrane('sandbox', 'kubeconfig', '--name', 'right').out;
    expect(membrane('sandbox', 'down', '--name', 'left')).toEqual({ status: 0, out: '', err: '' });
    expect(membrane('sandbox', 'exec', '--name', 'left', 'default/client', '--', 'true').err).toContain(
      'E_SANDBOX_NOT_RUNNING',
    );
    await expect.poll(() => ask('right')).toEqual({ status: 0, out: 'right', err: '' });
    expect(await podsOf(right)).toEqual(['client', 'server']);
    const record: unknown = JSON.parse(readFileSync('/run/membrane-sandboxes/right/processes/sandbox', 'utf8'));
    process.kill(z.object({ pid: z.int() }).parse(record).pid, 'SIGKILL');
    await expect.poll(() => membrane('sandbox', 'kubeconfig', '--name', 'right').status).not.toBe(0);
    expect(membrane('sandbox', 'down', '--name', 'right').status).toBe(0);
    await expect.poll(viewsLeft).toEqual([]);
    await expect.poll(() => readdirSync('/run/membrane-sandboxes')).toEqual([]);
    await expect.poll(() => spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout).toBe('');
  });
});
