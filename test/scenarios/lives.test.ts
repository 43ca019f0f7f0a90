/** What the next life of an agent finds in its files: fields of a later version, garbage, what the API contradicts. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentLab, eventually, type LabPod, networkPolicy, POLICIES } from './agent-lab.ts';

const onlyFrontend = networkPolicy('backend', {
  podSelector: { matchLabels: { app: 'backend' } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: 'frontend' } } }] }],
});

const recordPath = (lab: AgentLab, id: number): string => `${lab.dir}/state/endpoints/${id}.json`;

describe('the next life of an agent', () => {
  const lab = new AgentLab();
  let backend: LabPod;
  let frontend: LabPod;
  let other: LabPod;

  const idOf = async (pod: LabPod): Promise<number> =>
    (await lab.admin().endpoint({ namespace: 'default', pod: pod.name })).id;
  const holds = async (): Promise<void> => {
    await eventually('allowed passes', () => lab.ping(frontend, backend.ip));
    expect(await lab.ping(other, backend.ip)).toBe(false);
    await lab.reaches(backend, '172.18.0.1');
  };

  beforeAll(async () => {
    await lab.up();
    await lab.startAgent();
    await lab.apply(POLICIES, onlyFrontend);
    backend = await lab.addPod('backend', { app: 'backend' });
    frontend = await lab.addPod('frontend', { app: 'frontend' });
    other = await lab.addPod('other', { app: 'other' });
    await holds();
  });
  afterAll(async () => {
    await lab.down();
  });

  it('serves a pod whose record has a field of a later version', async () => {
    await lab.stopAgent('SIGKILL');
    const path = recordPath(lab, 1);
    writeFileSync(path, readFileSync(path, 'utf8').replace('{', '{"laterField":{"a":[1]},'));
    await lab.startAgent();
    await holds();
    await expect
      .poll(async () => (await lab.admin().status()).counts)
      .toMatchObject({ endpoints: 3, endpointsReady: 3 });
  });

  it.each([
    ['an older', 0],
    ['a newer', 2],
  ])(
    'closes a pod whose record is of %s version, says so, and leaves its device to whoever can',
    async (_, version) => {
      const id = await idOf(other);
      await lab.stopAgent('SIGKILL');
      const path = recordPath(lab, id);
      const readable = readFileSync(path, 'utf8');
      writeFileSync(path, readable.replace('"version":1', `"version":${version}`));
      await lab.startAgent();
      expect(await lab.ping(other, frontend.ip)).toBe(false);
      expect(await lab.ping(other, '172.18.0.1')).toBe(false);
      expect(await lab.inNode('ip', '-o', 'link')).toContain(`mbr${id.toString(16).padStart(4, '0')}@`);
      const { checks } = await lab.admin().status();
      expect(checks.find(({ name }) => name === 'records')).toMatchObject({
        ok: false,
        detail: expect.stringMatching(
          new RegExp(`endpoint ${id} .*of version ${version}, this agent reads version 1.*delete its pod`),
        ),
      });
      await lab.stopAgent('SIGKILL');
      writeFileSync(path, readable);
      await lab.startAgent();
      await eventually('the pod is back', () => lab.ping(other, frontend.ip));
      await holds();
    },
  );

  it('closes nobody for numbers in a file of another version, and says so', async () => {
    await lab.stopAgent('SIGKILL');
    const path = (name: string): string => `${lab.dir}/state/${name}.json`;
    expect(Number(readFileSync(path('policy-revisions'), 'utf8'))).toBeGreaterThan(1);
    for (const name of ['policy-revisions', 'service-numbers']) writeFileSync(path(name), '{"version":2,"below":7}');
    await lab.startAgent();
    const { checks } = await lab.admin().status();
    expect(checks.find(({ name }) => name === 'records')?.detail).toMatch(
      /policy-revisions\.json is not what was written/,
    );
    await holds();
  });

  it('closes all for a numbering of identities of a later format, and opens them under a new one', async () => {
    await lab.stopAgent('SIGKILL');
    const database = new DatabaseSync(`${lab.dir}/state/numbers.db`);
    database.exec("ALTER TABLE identities ADD COLUMN tenant TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2");
    database.close();
    lab.connectApi(false);
    await lab.startAgent({}, { waitReady: false });
    await eventually('nobody knows what the words of before mean', async () => {
      return !(await lab.ping(frontend, backend.ip));
    });
    lab.connectApi(true);
    await eventually('it is ready', async () => (await lab.admin().status()).ready);
    await holds();
  });

  it('gives addresses of the range that the Node has, whatever its files say', async () => {
    await lab.stopAgent('SIGKILL');
    writeFileSync(`${lab.dir}/state/pod-cidr.json`, '{"podCIDR":"10.99.0.0/24"}');
    writeFileSync(`${lab.dir}/state/cursors.json`, '{"endpoint":"x"}');
    await lab.startAgent();
    const late = await lab.addPod('late', { app: 'late' });
    expect(late.ip).toMatch(/^10\.244\.1\./);
    expect([backend.ip, frontend.ip, other.ip]).not.toContain(late.ip);
    await lab.removePod(late);
    await holds();
  });

  it('starts whatever is in its files', async () => {
    await lab.stopAgent('SIGKILL');
    for (const name of readdirSync(`${lab.dir}/state`).filter((file) => /\.(json|db)$/.test(file))) {
      writeFileSync(`${lab.dir}/state/${name}`, '{"podCIDR":"banana","endpoint":-1,"identities":{"version":9},"1":[]}');
    }
    writeFileSync(`${lab.dir}/state/pod-cidr.json`, '{"podCIDR":"banana"}');
    await lab.startAgent();
    await holds();
  });
});

describe('an agent that cannot start', () => {
  const lab = new AgentLab();
  beforeAll(async () => {
    await lab.up();
  });
  afterAll(async () => {
    await lab.down();
  });
  const attached = async (): Promise<string> => await lab.inNode('bpftool', 'net');

  it.each([
    [
      'a host that no metrics may be at',
      { metrics: { host: '203.0.113.9', port: 9999 } },
      /E_API_METRICS_HOST|metrics/,
    ],
    ['an address that this node does not have', { metrics: { host: '127.0.0.1', port: 6443 } }, /metrics/],
    ['a socket path that is a directory', { adminSocket: '/tmp' }, /is there and no socket/],
    ['a socket path that is too long', { cniSocket: `/tmp/${'x'.repeat(110)}` }, /longer than 107/],
    ['one path for two sockets', { cniSocket: '/tmp/mbr-s', adminSocket: '/tmp/mbr-s' }, /are both/],
    ['a kubeconfig that is not there', { kubeconfig: '/nope' }, /cannot be read/],
    ['a device that is not there', { devices: ['eth0', 'nope1'] }, /there is no device nope1/],
    ['a cgroup that is none', { cgroup: '/tmp' }, /tmp is not of a cgroup v2/],
    ['a cgroup that can never be one', { cgroup: '/nope/pods' }, /is not of a cgroup v2/],
    ['a cgroup that is a file', { cgroup: `${lab.cgroup}/cgroup.procs` }, /is not a directory/],
    ['an uplink that is not there', { uplink: 'nope0' }, /there is no device/],
  ])('for %s leaves the node as it was', async (_, config, why) => {
    const before = await attached();
    await expect(lab.startAgent(config)).rejects.toThrow(why);
    expect(await lab.stopAgent()).toBe(4);
    expect(await attached()).toBe(before);
    expect(existsSync(lab.pinDir)).toBe(false);
  });
});
