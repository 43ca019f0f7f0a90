import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { Finding } from '../../../src/api/index.ts';
import { kubeProxyRules } from '../../../src/demonstration/stage/kube-proxy-rules.ts';
import { parseAddr } from '../../../src/net/index.ts';
import { REPOSITORY } from '../../../src/sandbox/machine/paths.ts';
import { eventually } from './eventually.ts';
import { useLab } from './lab.ts';
import type { Place, Scene } from './scene.ts';
import { nameIn } from './talker.ts';

const PORTS = [{ port: 80, targetPort: 8080 }];
const CLIENT = '198.51.100.7';
const OTHER = '203.0.113.3';

/** Whose services are: read whenever the agent starts. */
const config = { enableServices: false };
const lab = useLab({ agentConfig: config });

afterEach(async () => {
  for (const table of ['nat', 'filter']) {
    for (const how of ['-F', '-X']) {
      const argv = await lab.cluster.nodeCommand('node-1', iptables('iptables', '-t', table, how));
      await new Promise((done) => execFile(argv[0] ?? '', argv.slice(1), done));
    }
  }
});

const iptables = (...argv: string[]): string[] => ['env', 'XTABLES_LOCKFILE=/run/xtables.lock', ...argv];

async function serveOurselves(isOurs: boolean): Promise<void> {
  config.enableServices = isOurs;
  await lab.cluster.killAgent('node-1', 'SIGKILL');
  await lab.cluster.startAgent('node-1');
  await lab.agentReady();
}

/** A pod behind a node port, with the rules that a kube-proxy would write for it. */
async function beside(): Promise<{ scene: Scene; clusterIp: string; nodePort: string }> {
  const scene = await lab.scene();
  const [{ clusterIP: clusterIp, nodePort }, , , ip] = await Promise.all([
    scene.service('web', { type: 'NodePort', ports: PORTS }),
    scene.pod('client', { labels: { app: 'client' } }),
    scene.pod('stranger', { labels: { app: 'stranger' } }),
    scene.pod('a', { serves: ['tcp:8080'], labels: { app: 'web' } }),
  ]);
  const service = { protocol: 'TCP' as const, clusterIp: parseAddr(clusterIp), port: 80, nodePort };
  const rules = kubeProxyRules('10.244.0.0/16', [{ ...service, backend: { ip: parseAddr(ip), port: 8080 } }]);
  const file = join(lab.node.dir, 'kube-proxy.rules');
  await writeFile(file, rules);
  expect(await scene.run('node', iptables('iptables-restore', file))).toMatchObject({ code: 0 });
  return { scene, clusterIp, nodePort: `${lab.node.ip}:${nodePort}` };
}

async function chainsFinding(): Promise<Finding | undefined> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const argv = ['doctor', '--socket', join(lab.node.agentDir, 'admin.sock'), '-o', 'json'];
  execFile(join(REPOSITORY, 'membrane'), argv, (_, out) => resolve(out));
  return (JSON.parse(await promise) as Finding[]).find(({ check }) => check === 'kube-proxy chains');
}

/** Packets that the rules for the service have seen. */
async function turnedByRules(scene: Scene): Promise<number> {
  const { stdout } = await scene.run('node', iptables('iptables', '-t', 'nat', '-nvxL', 'KUBE-SEP-0'));
  const rows = stdout.split('\n').slice(2).filter(Boolean);
  return rows.reduce((sum, row) => sum + Number(row.trim().split(/\s+/)[0]), 0);
}

async function policy(scene: Scene, name: string, spec: Record<string, unknown>): Promise<void> {
  await scene.apply('networking.k8s.io/v1', 'NetworkPolicy', { spec }, { name });
}

it('with services off, pods and the world reach by its rules whom policy lets them', async () => {
  await serveOurselves(false);
  const { scene, clusterIp, nodePort } = await beside();
  const target = `${clusterIp}:80`;
  expect(await chainsFinding()).toMatchObject({ severity: 'info' });
  for (const place of ['client', 'node', 'stranger', 'a'] as const) await scene.answeredBy(place, target, ['a']);
  for (const place of ['client', 'world'] as const) await scene.answeredBy(place, nodePort, ['a']);
  expect(await turnedByRules(scene)).toBeGreaterThan(200);

  const own = { podSelector: { matchLabels: { app: 'client' } } };
  await policy(scene, 'web', {
    podSelector: { matchLabels: { app: 'web' } },
    policyTypes: ['Ingress'],
    ingress: [{ from: [own, { ipBlock: { cidr: `${CLIENT}/32` } }] }],
  });
  await scene.unanswered('stranger', target);
  await scene.answeredBy('client', target, ['a']);
  // The node hides who asks behind its own address; policy knows it all the same.
  const asks = async (from: string) => (await scene.curl('world', nodePort, { from, seconds: 2 })).names;
  expect(await asks(CLIENT)).toEqual(['a']);
  expect(await asks(OTHER)).toEqual([]);
  await eventually('the drop is told of as his', async () => {
    const filter = { toPod: [`${scene.namespace}/a`], verdict: ['dropped' as const] };
    for await (const line of lab.api.observe({ filter, last: 20 })) {
      if (line.kind === 'flow' && line.flow.source.labels.includes('reserved:world')) return true;
    }
    return false;
  });

  // Egress is about the backend, by its own port.
  const egress = (port: number) =>
    policy(scene, 'client', {
      podSelector: { matchLabels: { app: 'client' } },
      policyTypes: ['Egress'],
      egress: [{ to: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port }] }],
    });
  await egress(80);
  await scene.unanswered('client', target);
  await egress(8080);
  await scene.answeredBy('client', target, ['a']);
});

it('is taken over from and given back to while connections go on', async () => {
  await serveOurselves(false);
  const { scene, clusterIp, nodePort } = await beside();
  const [, port = ''] = nodePort.split(':');
  const open = async (place: Place, address: string, at: number) => {
    const talker = await scene.talker(place, 'tcp', address, at);
    expect(nameIn(await talker.ask())).toBe('a');
    return talker;
  };
  const theirs = [await open('client', clusterIp, 80), await open('world', lab.node.ip, Number(port))];

  await serveOurselves(true);
  await scene.served('web', 1);
  for (const talker of theirs) expect(nameIn(await talker.ask())).toBe('a');
  const before = await turnedByRules(scene);
  for (const place of ['client', 'node'] as const) await scene.answeredBy(place, `${clusterIp}:80`, ['a']);
  await scene.answeredBy('world', nodePort, ['a']);
  expect(await turnedByRules(scene), 'what is new is ours').toBe(before);
  const finding = await chainsFinding();
  expect(finding).toMatchObject({ severity: 'warning' });
  expect(finding?.evidence).toContain('Membrane takes the packets of pods and from outside before they do');
  for (const talker of theirs) expect(nameIn(await talker.ask())).toBe('a');

  const ours = await open('client', clusterIp, 80);
  await serveOurselves(false);
  expect(nameIn(await ours.ask())).toBe('a');
  for (const talker of theirs) expect(nameIn(await talker.ask())).toBe('a');
  await scene.answeredBy('client', `${clusterIp}:80`, ['a']);
  await eventually('the rules serve again', async () => (await turnedByRules(scene)) > before);

  // Who is revoked is, whichever way he goes.
  await scene.allowOnly({ app: 'nobody' }, { app: 'web' });
  await scene.unanswered('client', `${clusterIp}:80`);
  for (const talker of [...theirs, ours]) expect(await talker.ask(2_000)).toBe('silence');
});
