import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { type KubeObject, numberAt, stringAt } from '../apiserver/index.ts';
import { LogLines } from '../kubelet/logs/log-lines.ts';
import { Cgroup } from '../machine/cgroup.ts';
import { attempt } from '../machine/command.ts';
import { listNetns } from '../machine/netns.ts';
import { nodePlace } from '../machine/node-place.ts';
import { STATE_DIR } from '../machine/paths.ts';
import { isSandboxNetns } from '../machine/sweep.ts';
import { waitForMachine } from '../testkit.ts';
import { SandboxCluster } from './cluster.ts';
import { RemoteSandbox } from './remote-sandbox.ts';
import type { Sandbox } from './sandbox.ts';

/** A real plugin, only for these tests, that makes a plain veth pair: the kubelet is tested without the agent. */
const state = mkdtempSync(join(tmpdir(), 'membrane-veth-'));
const networkList = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'test',
  plugins: [{ type: 'veth-cni', state, prefix: '10.244.1', capabilities: { ips: true } }],
});
const cluster = new SandboxCluster();

beforeAll(async () => {
  await waitForMachine();
  await cluster.up({
    agent: false,
    control: true,
    log: silentLogger,
    cni: { binDir: join(import.meta.dirname, '../kubelet/fixtures'), networkList },
    restartDelay: { initialMs: 200, maxMs: 400 },
  });
});

// What a failed test leaves must not fail the next.
afterEach(async () => {
  const pods = existsSync(STATE_DIR) ? await cluster.list('pods') : [];
  await Promise.all(pods.map((pod) => remove(pod.metadata.name)));
  for (const name of ['refuse', 'flag', 'order', 'bye', 'heard']) rmSync(join(state, name), { force: true });
});

afterAll(async () => {
  await cluster.down();
  rmSync(state, { recursive: true, force: true });
});

type Spec = Record<string, unknown>;

async function start(name: string, container: Spec, spec: Spec = {}, metadata: Spec = {}): Promise<void> {
  const containers = [{ name: 'main', image: 'sandbox/none', ...container }];
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', ...metadata } };
  await cluster.apply(JSON.stringify({ ...pod, spec: { terminationGracePeriodSeconds: 0, containers, ...spec } }));
}

const SLEEP = { command: ['sleep', 'infinity'] };

async function get(name: string): Promise<KubeObject | undefined> {
  return cluster.get({ resource: 'pods', namespace: 'default', name });
}

async function ready(...names: string[]): Promise<void> {
  await cluster.waitReady({ pods: names.map((name) => `default/${name}`) });
}

/** What is thrown meanwhile counts as no: a log is not there for a moment while another takes its place. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  let cause: unknown;
  for (let i = 0; i < 1_200; i += 1) {
    try {
      if (await holds()) return;
    } catch (error) {
      cause = error;
    }
    await sleep(50);
  }
  throw new Error(`never: ${what}`, { cause });
}

async function remove(name: string, grace = 0): Promise<void> {
  await cluster.delete({ resource: 'pods', namespace: 'default', name }, grace);
  await cluster.waitGone('default', name, 300_000);
}

const podIp = (pod: KubeObject | undefined): string => stringAt(pod, 'status', 'podIP') ?? '';

describe('a pod', () => {
  it('runs, is reached, is described by its status and leaves nothing behind', async () => {
    await start('server', {
      command: ['socat', 'TCP-LISTEN:8080,fork,reuseaddr', 'SYSTEM:echo hello'],
      readinessProbe: { tcpSocket: { port: 8080 } },
    });
    await start('client', SLEEP);
    await ready('server', 'client');
    const server = await get('server');
    expect(server).toMatchObject({
      spec: { nodeName: 'node-1' },
      status: { phase: 'Running', hostIP: '172.18.0.2', containerStatuses: [{ restartCount: 0, ready: true }] },
    });
    const hello = await cluster.exec('default', 'client', ['socat', '-t60', '-', `TCP:${podIp(server)}:8080`]);
    expect(hello.stdout).toBe('hello\n');
    expect((await cluster.nodeExec('node-1', ['socat', '-t60', '-', `TCP:${podIp(server)}:8080`])).stdout).toBe(
      'hello\n',
    );
    const pods = async () => (await listNetns('mbr-pod-')).filter(isSandboxNetns).length;
    const before = await pods();
    await remove('client');
    await expect.poll(pods).toBe(before - 1);
    await remove('server');
    await expect.poll(() => readdirSync(state).filter((name) => name.startsWith('ip-'))).toEqual([]);
  });

  it('is confined: capabilities, namespaces, and none of the sandbox’s or agents’ files', async () => {
    await start('confined', SLEEP);
    await ready('confined');
    const script = [
      'grep CapEff /proc/self/status',
      'hostname',
      'ls /run /sys/fs/bpf /sys/fs/cgroup',
      'ls /proc | grep -c "^[0-9]"',
      '(echo x > /proc/sys/kernel/core_pattern) 2>&1',
      '(mount -t tmpfs none /mnt) 2>&1',
      'umount /run 2>&1',
      'ls /sys/class/net',
    ].join('\n');
    const { stdout } = await cluster.exec('default', 'confined', ['sh', '-c', script]);
    expect(stdout).toContain('CapEff:\t00000000a80425fb');
    expect(stdout).toMatch(/^confined$/m);
    expect(stdout).not.toContain('membrane');
    expect(stdout).toContain('Read-only file system');
    expect(stdout).toContain('must be superuser to unmount');
    expect(stdout).toContain('eth0');
    const processes = Number(/^(\d+)$/m.exec(stdout)?.[1]);
    expect(processes).toBeLessThan(8);
    await remove('confined');
  });

  it('honours added and dropped capabilities, users and no_new_privs', async () => {
    await start('strict', {
      ...SLEEP,
      securityContext: {
        allowPrivilegeEscalation: false,
        runAsUser: 1234,
        capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
      },
    });
    await ready('strict');
    const { stdout } = await cluster.exec('default', 'strict', ['cat', '/proc/self/status']);
    expect(stdout).toMatch(/^CapBnd:\s0000000000002000$/m);
    expect(stdout).toMatch(/^NoNewPrivs:\s1$/m);
    expect(stdout).toMatch(/^Uid:\s1234\s1234/m);
    await remove('strict');
  });

  it('shares one network and host name between containers, and not their processes', async () => {
    const listener = {
      name: 'other',
      image: 'sandbox/none',
      command: ['socat', 'TCP-LISTEN:7000,fork', 'SYSTEM:hostname'],
    };
    await start('pair', SLEEP, { containers: [{ name: 'main', image: 'pause' }, listener] });
    await ready('pair');
    await until('the other container listens', async () => {
      const { stdout } = await cluster.exec('default', 'pair', ['socat', '-', 'TCP:127.0.0.1:7000']);
      return stdout === 'pair\n';
    });
    const { stdout } = await cluster.exec('default', 'pair', ['sh', '-c', 'cat /proc/[0-9]*/comm']);
    expect(stdout).not.toContain('socat');
    await remove('pair');
  });

  it('gets its environment and arguments as they are written, and no shell reads them', async () => {
    const hostile = '$(touch /tmp/membrane-owned); `id` "\' \\';
    await start('literal', {
      command: ['sh', '-c', 'printf "%s|%s|%s\\n" "$1" "$X" "$PWD"; sleep infinity', 'sh', hostile],
      env: [{ name: 'X', value: hostile }],
      workingDir: '/tmp',
    });
    await ready('literal');
    await until('it has printed', async () => (await logOf('literal')).includes('|/tmp'));
    expect(await logOf('literal')).toBe(`${hostile}|${hostile}|/tmp\n`);
    expect(existsSync('/tmp/membrane-owned')).toBe(false);
    await remove('literal');
  });

  it('on the host’s network has the node’s address and no network of its own', async () => {
    await start('host', SLEEP, { hostNetwork: true });
    await ready('host');
    expect(podIp(await get('host'))).toBe('172.18.0.2');
    const { stdout } = await cluster.exec('default', 'host', ['ip', '-br', 'addr']);
    expect(stdout).toContain('172.18.0.2/16');
    await remove('host');
  });
});

describe('the life of containers', () => {
  it('restarts what ends, with a growing back-off, and counts', async () => {
    await start('crash', { command: ['sh', '-c', 'echo run; exit 3'] });
    await until('two restarts', async () => (numberOf(await get('crash'), 'restartCount') ?? 0) >= 2);
    await until('a back-off', async () => stateOf(await get('crash'), 'waiting', 'reason') === 'CrashLoopBackOff');
    for (const file of ['main.log', 'main.previous.log']) {
      await until('the run has a log of its own', async () => (await logOf('crash', file)) === 'run\n');
    }
    await until('an event', async () => (await eventsOf('crash')).includes('BackOff'));
    await remove('crash');
  });

  it.each([
    ['Never', 0, 'Succeeded'],
    ['Never', 4, 'Failed'],
    ['OnFailure', 0, 'Succeeded'],
  ])('%s with exit code %i ends as %s and frees the network', async (restartPolicy, code, phase) => {
    await start('once', { command: ['sh', '-c', `exit ${code}`] }, { restartPolicy });
    await until(phase, async () => stringAt(await get('once'), 'status', 'phase') === phase);
    expect(numberAt(await get('once'), 'status', 'containerStatuses', 0, 'state', 'terminated', 'exitCode')).toBe(code);
    await until('the network is gone', async () => readdirSync(state).every((name) => !name.startsWith('ip-')));
    await remove('once');
  });

  it('runs init containers first, in order', async () => {
    const init = (name: string) => ({
      name,
      image: 'sandbox/none',
      command: ['sh', '-c', `echo ${name} >> ${state}/order; exit 0`],
    });
    await start(
      'ordered',
      { command: ['sh', '-c', `echo main >> ${state}/order; sleep infinity`] },
      {
        initContainers: [init('one'), init('two')],
      },
    );
    await ready('ordered');
    await until('all ran', async () => readFileSync(join(state, 'order'), 'utf8') === 'one\ntwo\nmain\n');
    await remove('ordered');
  });

  it('gives SIGTERM and the grace first, then SIGKILL', async () => {
    const trap = (name: string, action: string, turn = ':') => ({
      command: ['sh', '-c', `trap '${action}' TERM; : > ${state}/${name}; while :; do ${turn}; sleep 0.05; done`],
    });
    await start('polite', trap('polite', `echo bye > ${state}/bye; exit 0`));
    // Counts its turns after the signal: it had time.
    await start('stubborn', trap('stubborn', `heard=${state}/heard`, `[ -z "$heard" ] || echo turn >> "$heard"`));
    for (const name of ['polite', 'stubborn'])
      await until(`${name} listens`, async () => existsSync(join(state, name)));
    await Promise.all([remove('polite', 30), remove('stubborn', 3)]);
    expect(readFileSync(join(state, 'bye'), 'utf8')).toBe('bye\n');
    expect(readFileSync(join(state, 'heard'), 'utf8')).toMatch(/^turn\nturn\n/);
  });

  it('says what is wrong with a container that cannot run', async () => {
    await start('none', { image: 'sandbox/none' });
    await until('a reason', async () => stateOf(await get('none'), 'waiting', 'reason') === 'ErrImageNeverPull');
    expect(stateOf(await get('none'), 'waiting', 'message')).toMatch(/give container "main" a command/);
    await remove('none');
  });

  it('follows a readiness probe up and down', async () => {
    const flag = join(state, 'flag');
    await start('flag', {
      ...SLEEP,
      readinessProbe: { exec: { command: ['test', '-e', flag] }, periodSeconds: 1, failureThreshold: 1 },
    });
    await until('it runs', async () => stringAt(await get('flag'), 'status', 'phase') === 'Running');
    expect(stringAt(await get('flag'), 'status', 'conditions', 2, 'status')).toBe('False');
    writeFileSync(flag, '');
    await ready('flag');
    rmSync(flag);
    await until('unready', async () => stringAt(await get('flag'), 'status', 'conditions', 2, 'status') === 'False');
    await remove('flag');
  });
});

describe('the network of a pod', () => {
  it('is asked for again after a refusal, with an event that says why', async () => {
    writeFileSync(join(state, 'refuse'), '');
    await start('late', SLEEP);
    await until('an event', async () => (await eventsOf('late')).includes('FailedCreatePodSandBox'));
    expect(stringAt(await get('late'), 'status', 'phase')).toBe('Pending');
    rmSync(join(state, 'refuse'));
    await ready('late');
    await remove('late');
  });

  it('gets the address that the operator asked for, and none that the pod asks for', async () => {
    const annotations = {
      'cni.projectcalico.org/ipAddrs': '["10.244.1.99"]',
      'membrane/requested-ip': '10.244.1.99',
    };
    await cluster.requestAddress('default', 'chosen', '10.244.1.77');
    await start('chosen', SLEEP);
    await start('greedy', SLEEP, {}, { annotations });
    await ready('chosen', 'greedy');
    expect(podIp(await get('chosen'))).toBe('10.244.1.77');
    expect(podIp(await get('greedy'))).not.toBe('10.244.1.99');
    // The next owner of the address waits until it is free.
    await cluster.requestAddress('default', 'next', '10.244.1.77');
    await start('next', SLEEP);
    await until('a refusal', async () => (await eventsOf('next')).includes('FailedCreatePodSandBox'));
    await remove('chosen');
    await ready('next');
    expect(podIp(await get('next'))).toBe('10.244.1.77');
    await Promise.all([remove('greedy'), remove('next')]);
  });
});

/** Both implementations of the interface that experiments use. */
describe.each([
  ['in this process', cluster],
  ['over the control socket', new RemoteSandbox()],
] as const)('driving a sandbox %s', (_, sandbox: Sandbox) => {
  const ref = { resource: 'pods', namespace: 'default', name: 'driven' };
  const pod = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'driven', namespace: 'default', labels: { a: '1' } },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'pause' }] },
  });

  it('applies, patches, lists, runs and deletes', async () => {
    expect(await sandbox.get(ref)).toBeUndefined();
    await sandbox.apply(pod);
    await sandbox.waitReady({ pods: ['default/driven'] });
    await sandbox.patch(ref, { metadata: { labels: { a: '2' } } });
    expect((await sandbox.get(ref))?.metadata.labels).toEqual({ a: '2' });
    expect((await sandbox.list('pods', 'default')).map((found) => found.metadata.name)).toEqual(['driven']);
    const { code, stdout } = await sandbox.exec('default', 'driven', ['sh', '-c', 'cat; exit 3'], { input: 'in' });
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'in' });
    // As a process of the node, so that services answer it.
    expect((await sandbox.nodeExec('node-1', ['cat', '/proc/self/cgroup'])).stdout).toContain('/node-1/system\n');
    expect((await sandbox.worldExec(['ip', '-br', 'addr'])).stdout).toContain('172.18.0.1/16');
    await sandbox.checkNetwork('default', 'driven');
    const netns = (await sandbox.netnsOf('default', 'driven')) ?? '';
    await attempt(['nsenter', `--net=${netns}`, 'ip', 'link', 'del', 'eth0']);
    await expect(sandbox.checkNetwork('default', 'driven')).rejects.toThrowError(/eth0 is gone/);
    await sandbox.delete(ref, 0);
    await sandbox.delete(ref, 0);
    await sandbox.waitGone('default', 'driven');
    expect(await sandbox.get(ref)).toBeUndefined();
    expect(await sandbox.netnsOf('default', 'driven')).toBeUndefined();
  });

  it('holds a pod back between its namespace and its device', async () => {
    await sandbox.holdNetwork('default', 'driven');
    await sandbox.apply(pod);
    await until('a namespace', async () => (await sandbox.netnsOf('default', 'driven')) !== undefined);
    const netns = (await sandbox.netnsOf('default', 'driven')) ?? '';
    expect((await attempt(['nsenter', `--net=${netns}`, 'ip', '-br', 'link'])).stdout).not.toContain('eth0');
    await sandbox.releaseNetwork('default', 'driven');
    await sandbox.waitReady({ pods: ['default/driven'] });
  });

  it('says what is wrong in the same way', async () => {
    const code = (wanted: string) => expect.objectContaining({ code: wanted, remedy: expect.any(String) });
    await expect(sandbox.apply('kind: Pod')).rejects.toThrowError(code('E_SANDBOX_MANIFEST'));
    await expect(sandbox.exec('default', 'nobody', ['true'])).rejects.toThrowError(code('E_SANDBOX_NO_POD'));
    await expect(sandbox.waitReady({ pods: ['default/nobody'], timeoutMs: 50 })).rejects.toThrowError(
      code('E_SANDBOX_TIMEOUT'),
    );
    await expect(sandbox.requestAddress('default', 'x', '10.244.1.999')).rejects.toThrowError(code('E_NET_ADDR'));
    expect(await sandbox.agentPid('node-1')).toBeUndefined();
  });
});

describe('the sandbox', () => {
  it('keeps its token and sockets from everybody but root', () => {
    for (const file of ['kubeconfig', 'control.sock']) {
      expect(statSync(join(STATE_DIR, file)).mode & 0o777, file).toBe(0o600);
    }
    expect(statSync(STATE_DIR).mode & 0o777).toBe(0o700);
  });

  it('refuses a second one', async () => {
    const second = new SandboxCluster();
    await expect(second.up({ agent: false })).rejects.toThrowError(
      expect.objectContaining({ code: 'E_SANDBOX_RUNNING' }),
    );
    await start('still', SLEEP);
    await ready('still');
    await remove('still');
  });

  it('starts many pods at once', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `many-${i}`);
    await Promise.all(names.map((name) => start(name, SLEEP)));
    await cluster.waitReady({ pods: names.map((name) => `default/${name}`), timeoutMs: 300_000 });
    await Promise.all(names.map((name) => remove(name)));
    await expect.poll(async () => (await listNetns('mbr-pod-')).filter(isSandboxNetns)).toEqual([]);
  }, 400_000);

  it('leaves nothing behind, even with pods running', async () => {
    await start('last', SLEEP);
    await ready('last');
    await cluster.down();
    expect((await listNetns()).filter(isSandboxNetns)).toEqual([]);
    expect(existsSync(STATE_DIR)).toBe(false);
    expect(existsSync(Cgroup.root().path)).toBe(false);
  });
});

function numberOf(pod: KubeObject | undefined, key: string): number | undefined {
  return numberAt(pod, 'status', 'containerStatuses', 0, key);
}

function stateOf(pod: KubeObject | undefined, kind: string, key: string): string | undefined {
  return stringAt(pod, 'status', 'containerStatuses', 0, 'state', kind, key);
}

async function eventsOf(name: string): Promise<string[]> {
  const events = await cluster.list('events', 'default');
  return events.filter((e) => stringAt(e, 'involvedObject', 'name') === name).map((e) => stringAt(e, 'reason') ?? '');
}

async function logOf(name: string, file = 'main.log'): Promise<string> {
  const uid = (await get(name))?.metadata.uid;
  const lines = new LogLines({ since: undefined, timestamps: false });
  return lines.read(readFileSync(join(nodePlace(1).dir, 'logs', `default_${name}_${uid}`, file))).toString();
}
