import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/api/index.ts';
import { kubeProxyRules } from '../../../src/demonstration/stage/kube-proxy-rules.ts';
import { parseAddr } from '../../../src/net/index.ts';
import { REPOSITORY } from '../../../src/sandbox/machine/paths.ts';
import { type ServiceLab, useLab } from './lab.ts';
import type { Scene } from './scene.ts';

const PORTS = [{ port: 80, targetPort: 8080 }];

/** A pod behind a node port, with the rules that a kube-proxy would write for it. */
async function beside(lab: ServiceLab): Promise<{ scene: Scene; clusterIp: string; nodePort: number }> {
  const scene = await lab.scene();
  const [{ clusterIP: clusterIp, nodePort }, , ip] = await Promise.all([
    scene.service('web', { type: 'NodePort', ports: PORTS }),
    scene.pod('client'),
    scene.pod('a', { serves: ['tcp:8080'], labels: { app: 'web' } }),
  ]);
  const service = { protocol: 'TCP' as const, clusterIp: parseAddr(clusterIp), port: 80, nodePort };
  const rules = kubeProxyRules('10.244.0.0/16', [{ ...service, backend: { ip: parseAddr(ip), port: 8080 } }]);
  const file = join(lab.node.dir, 'kube-proxy.rules');
  await writeFile(file, rules);
  expect(await scene.run('node', iptables('iptables-restore', file))).toMatchObject({ code: 0 });
  return { scene, clusterIp, nodePort };
}

const iptables = (...argv: string[]): string[] => ['env', 'XTABLES_LOCKFILE=/run/xtables.lock', ...argv];

async function chainsFinding(lab: ServiceLab): Promise<Finding | undefined> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const argv = ['doctor', '--socket', join(lab.node.agentDir, 'admin.sock'), '-o', 'json'];
  execFile(join(REPOSITORY, 'membrane'), argv, (_, out) => resolve(out));
  return (JSON.parse(await promise) as Finding[]).find(({ check }) => check === 'kube-proxy chains');
}

async function clean(lab: ServiceLab): Promise<void> {
  for (const table of ['nat', 'filter']) {
    for (const how of ['-F', '-X']) {
      const argv = await lab.cluster.nodeCommand('node-1', iptables('iptables', '-t', table, how));
      await new Promise((done) => execFile(argv[0] ?? '', argv.slice(1), done));
    }
  }
}

describe('an agent with services off, beside a kube-proxy', () => {
  const lab = useLab({ agentConfig: { enableServices: false, allowUnreachableServices: true } });
  afterEach(async () => await clean(lab));

  it('serves what doctor says, and is not started unless it is told to', async () => {
    const { scene, clusterIp, nodePort } = await beside(lab);
    const finding = await chainsFinding(lab);
    expect(finding).toMatchObject({ severity: 'critical' });
    expect(finding?.evidence).toContain('processes of the node are served by them');
    expect((await scene.curl('node', `${clusterIp}:80`)).names).toEqual(['a']);
    expect(finding?.evidence).toContain('pods reach no service by its address');
    expect((await scene.curl('client', `${clusterIp}:80`)).names).toEqual([]);
    expect(finding?.evidence).toContain('node ports from outside reach no pod');
    expect((await scene.curl('world', `${lab.node.ip}:${nodePort}`)).names).toEqual([]);

    await lab.cluster.killAgent('node-1', 'SIGKILL');
    const config = join(lab.node.dir, 'told-nothing.yaml');
    const own = { nodeName: 'node-1', kubeconfig: lab.node.kubeconfig, uplink: 'eth0', enableServices: false };
    const places = { stateDir: lab.node.agentDir, pinDir: lab.node.pinDir, metrics: { enabled: false } };
    await writeFile(config, JSON.stringify({ ...own, ...places }));
    const started = await scene.run('node', [join(REPOSITORY, 'membrane'), 'agent', '--config', config]);
    expect(started.code).toBe(4);
    expect(started.stdout + started.stderr).toContain('E_AGENT_KUBE_PROXY');
    expect(started.stdout + started.stderr).toContain('enableServices: true');
    await lab.cluster.startAgent('node-1');
    await lab.agentReady();
  });
});

describe('an agent with services on, beside a kube-proxy', () => {
  const lab = useLab();
  afterEach(async () => await clean(lab));

  it('takes packets of pods and from outside before it, as doctor says', async () => {
    const { scene, clusterIp, nodePort } = await beside(lab);
    await scene.served('web', 1);
    const finding = await chainsFinding(lab);
    expect(finding).toMatchObject({ severity: 'warning' });
    expect(finding?.evidence).toContain('Membrane takes the packets of pods and from outside before they do');
    for (const place of ['client', 'node'] as const) await scene.answeredBy(place, `${clusterIp}:80`, ['a']);
    await scene.answeredBy('world', `${lab.node.ip}:${nodePort}`, ['a']);
    const list = iptables('iptables', '-t', 'nat', '-nvxL', 'KUBE-SVC-0');
    const { stdout } = await scene.run('node', list);
    const packets = stdout
      .split('\n')
      .slice(2)
      .filter(Boolean)
      .map((row) => Number(row.trim().split(/\s+/)[0]));
    expect(packets).toEqual([0, 0]);
  });
});
