import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/api/index.ts';
import { listenInNetns } from '../../src/sandbox/machine/netns-socket.ts';
import { AgentLab, eventually, type LabPod } from './agent-lab.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FOREIGN_PROGRAMS = fileURLToPath(new URL('./foreign-programs.ts', import.meta.url));

type Doctor = { readonly code: number | null; readonly text: string; readonly findings: readonly Finding[] };

async function doctor(lab: AgentLab): Promise<Doctor> {
  const run = async (...args: string[]) => {
    const { promise, resolve: done } = Promise.withResolvers<{ code: number | null; out: string }>();
    const child = execFile(
      `${ROOT}/membrane`,
      ['doctor', '--socket', `${lab.dir}/state/admin.sock`, ...args],
      (_, out) => done({ code: child.exitCode, out }),
    );
    return await promise;
  };
  const [people, program] = [await run(), await run('-o', 'json')];
  expect(program.code).toBe(people.code);
  return { code: people.code, text: people.out, findings: JSON.parse(program.out) as Finding[] };
}

/** As the API server of old with --insecure-port: whoever asks is let in. */
function insecureApiServer(fd: number): Server {
  const answers: Readonly<Record<string, unknown>> = {
    '/version': { major: '1', minor: '18', gitVersion: 'v1.18.0' },
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/api/v1/namespaces?limit=1': { kind: 'NamespaceList', apiVersion: 'v1', items: [] },
  };
  return createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  }).listen({ fd });
}

describe('membrane doctor', () => {
  const lab = new AgentLab();
  let pod: LabPod;
  let device = { name: '', ifindex: 0 };
  /** Where sockets are to be turned; it is not there at first. */
  let cgroup = '';
  let insecure: Server | undefined;
  let foreign: ChildProcess | undefined;

  const iptables = async (kind: 'legacy' | 'nft', ...args: string[]): Promise<string> =>
    await lab.inNode('env', `XTABLES_LOCKFILE=${lab.dir}/xtables.lock`, `iptables-${kind}`, '-w', ...args);
  const sysctl = async (path: string, value: number): Promise<string> =>
    await lab.inNode('sh', '-c', `echo ${value} > /proc/sys/net/${path}`);

  beforeAll(async () => {
    await lab.up();
    await sysctl('ipv4/conf/eth0/route_localnet', 1);
    cgroup = `${lab.cgroup}/late`;
    await lab.startAgent({ cgroup });
    pod = await lab.addPod('victim', { app: 'victim' });
    const { interface: name, ifindex } = await lab.admin().endpoint({ namespace: 'default', pod: 'victim' });
    device = { name, ifindex };
  });
  afterAll(async () => {
    foreign?.stdin?.end();
    insecure?.close();
    if (existsSync(cgroup)) rmdirSync(cgroup);
    await lab.down();
  });

  it('an agent says at its start that route_localnet is set, and leaves it alone', async () => {
    expect(lab.log()).toContain('route_localnet is set');
    expect(await lab.admin().metrics()).toMatch(/^membrane_route_localnet_interfaces 1$/m);
    expect(await lab.inNode('cat', '/proc/sys/net/ipv4/conf/eth0/route_localnet')).toBe('1\n');
  });

  it('finds each weakness of the node, with exit code 1', async () => {
    insecure = insecureApiServer(listenInNetns(`/run/netns/${lab.node}`, '127.0.0.1', 8080));
    await iptables('legacy', '-t', 'nat', '-N', 'KUBE-SERVICES');
    await iptables('nft', '-t', 'nat', '-N', 'KUBE-SVC-ABCDEF');
    await lab.inNode('tc', 'qdisc', 'add', 'dev', device.name, 'clsact');
    const u32 = ['protocol', 'ip', 'prio', '1', 'u32', 'match', 'u32', '0', '0', 'flowid', '1:1'];
    await lab.inNode('tc', 'filter', 'add', 'dev', device.name, 'egress', ...u32);
    await sysctl('ipv4/conf/all/rp_filter', 1);
    await sysctl(`ipv4/conf/${device.name}/rp_filter`, 0);
    foreign = spawn(
      'nsenter',
      [`--net=/run/netns/${lab.node}`, '--', process.execPath, FOREIGN_PROGRAMS, `${device.ifindex}`],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const [said] = (await once(foreign.stdout ?? foreign, 'data')) as [Buffer];
    expect(said.toString()).toBe('attached 2\n');

    // It gives a server half a second to answer, which this one, in a busy process, may need.
    const asked = ['(v1.18.0) at 127.0.0.1:8080 answers', '127.0.0.1:6443 asks for credentials'];
    let seen = await doctor(lab);
    await eventually('both servers have answered in time', async () => {
      if (asked.every((words) => seen.findings.some(({ evidence }) => evidence.includes(words)))) return true;
      seen = await doctor(lab);
      return false;
    });
    const { code, text, findings } = seen;
    const evidence = (severity: string, check: string): string[] =>
      findings.filter((one) => one.severity === severity && one.check === check).map((one) => one.evidence);
    expect(evidence('critical', 'route_localnet')).toEqual([expect.stringContaining('net.ipv4.conf.eth0.')]);
    expect(evidence('critical', 'API server')).toEqual([
      expect.stringContaining('(v1.18.0) at 127.0.0.1:8080 answers /version, /api, /api/v1/namespaces?limit=1'),
    ]);
    expect(evidence('info', 'API server')).toEqual([expect.stringContaining('127.0.0.1:6443 asks for credentials')]);
    expect(evidence('warning', 'kube-proxy chains')).toEqual([
      expect.stringMatching(/^2 chains in nft ip nat, legacy ip nat: KUBE-SVC-ABCDEF, KUBE-SERVICES;/),
    ]);
    const place = `${device.name} (default/victim)`;
    expect(evidence('critical', 'hooks')).toEqual([
      expect.stringMatching(/^foreign program \d+ runs before ours at ingress of /),
      expect.stringMatching(/^foreign XDP program \d+ runs before ours at /),
    ]);
    expect(evidence('critical', 'hooks').every((line) => line.includes(place))).toBe(true);
    expect(evidence('warning', 'hooks')).toEqual([`foreign tc filters run after ours at ${place}: egress u32`]);
    expect(evidence('warning', 'rp_filter')).toEqual([expect.stringContaining(device.name)]);
    expect(evidence('info', 'CAP_NET_RAW')).toEqual([expect.stringContaining('1 of 1 pods')]);
    expect(evidence('warning', 'socket hooks')).toHaveLength(1);
    expect(findings.filter(({ severity, remedy }) => severity !== 'ok' && remedy === undefined)).toEqual([]);
    expect(text).toMatch(/^critical +route_localnet /m);
    expect(code).toBe(1);
  });

  it('names who is privileged or in the host network', async () => {
    await lab.apply('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'mighty' },
      spec: {
        nodeName: 'lab-node',
        hostNetwork: true,
        containers: [{ name: 'main', image: 'none', securityContext: { privileged: true } }],
      },
    });
    await expect
      .poll(async () => {
        const { findings } = await lab.admin().doctor();
        return findings.filter(({ severity, evidence }) => severity !== 'ok' && evidence.includes('default/mighty'));
      })
      .toMatchObject([{ check: 'privileged' }, { check: 'host network' }, { check: 'CAP_NET_RAW' }]);
    await lab.deletePodObject('mighty');
  });

  it('is content when they are gone, with exit code 0', async () => {
    foreign?.stdin?.end();
    await eventually('the foreign programs are gone', () => foreign?.exitCode === 0);
    insecure?.close();
    await lab.inNode('tc', 'qdisc', 'del', 'dev', device.name, 'clsact');
    await iptables('legacy', '-t', 'nat', '-X', 'KUBE-SERVICES');
    await iptables('nft', '-t', 'nat', '-X', 'KUBE-SVC-ABCDEF');
    await sysctl('ipv4/conf/eth0/route_localnet', 0);
    await sysctl('ipv4/conf/all/rp_filter', 0);
    // Until then no process is served.
    mkdirSync(cgroup);
    const critical = async () => (await doctor(lab)).findings.filter(({ severity }) => severity === 'critical');
    await expect.poll(critical).toEqual([]);
    const fine = async () => {
      const { code, findings } = await doctor(lab);
      return { code, checks: findings.flatMap(({ severity, check }) => (severity === 'ok' ? [check] : [])) };
    };
    const checks = expect.arrayContaining(['route_localnet', 'kube-proxy chains', 'hooks', 'rp_filter', 'maps']);
    await expect.poll(fine).toEqual({ code: 0, checks });
    await lab.reaches(pod, '172.18.0.2');
  });
});
