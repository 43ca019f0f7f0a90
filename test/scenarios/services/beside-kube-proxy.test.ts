import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import type { Finding } from '../../../src/api/index.ts';
import { type IptablesService, kubeProxyRules } from '../../../src/demonstration/stage/kube-proxy-rules.ts';
import { parseAddr } from '../../../src/net/index.ts';
import { REPOSITORY } from '../../../src/sandbox/machine/paths.ts';
import { WORLD_BRIDGE, worldArgv } from '../../../src/sandbox/machine/topology.ts';
import { eventually } from './eventually.ts';
import { useLab } from './lab.ts';
import type { Place, Scene } from './scene.ts';
import { nameIn } from './talker.ts';

const PORTS = [{ port: 80, targetPort: 8080 }];
const CLIENT = '198.51.100.7';
const OTHER = '203.0.113.3';
/** Serves in the world. */
const OUTSIDE = '198.51.100.5';

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
  await turnBy(scene, { ...service, backend: { ip: parseAddr(ip), port: 8080 } });
  return { scene, clusterIp, nodePort: `${lab.node.ip}:${nodePort}` };
}

async function turnBy(scene: Scene, ...services: readonly IptablesService[]): Promise<void> {
  const file = join(lab.node.dir, 'kube-proxy.rules');
  await writeFile(file, kubeProxyRules('10.244.0.0/16', services));
  expect(await scene.run('node', iptables('iptables-restore', file))).toMatchObject({ code: 0 });
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
  expect((await scene.curl('world', nodePort, { from: CLIENT })).names).toEqual(['a']);
  expect((await scene.curl('world', nodePort, { from: OTHER, seconds: 2 })).names).toEqual([]);
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

/** Datagrams to a server in the world, by what they say. */
function listenInWorld(address: string, port: number): string[] {
  const [file = '', ...argv] = worldArgv(['socat', '-u', `UDP-RECV:${port},bind=${address}`, '-']);
  const server = spawn(file, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const heard: string[] = [];
  server.stdout.on('data', (chunk: Buffer) => heard.push(...chunk.toString().trim().split('\n')));
  onTestFinished(() => void server.kill());
  return heard;
}

it('nothing that waits for the next hop’s MAC address leaves unjudged', async () => {
  await serveOurselves(false);
  const scene = await lab.scene();
  await scene.pod('client', { labels: { app: 'client' } });
  const service = { protocol: 'UDP', clusterIp: parseAddr('10.96.7.7'), port: 53, nodePort: 30_153 } as const;
  await turnBy(scene, { ...service, backend: { ip: parseAddr(OUTSIDE), port: 7000 } });
  const heard = listenInWorld(OUTSIDE, 7000);
  const said = (what: string) => heard.filter((word) => word.startsWith(what));
  const node = async (line: string) => expect(await scene.run('node', ['sh', '-c', line])).toMatchObject({ code: 0 });
  const world = async (line: string) => await lab.cluster.worldExec(['sh', '-c', line]);
  const say = async (...words: readonly string[]) => {
    const target = `UDP:${lab.node.ip}:${service.nodePort}`;
    const lines = words.map((word) => `echo ${word} | socat -u - ${target}`);
    expect(await scene.run('client', ['sh', '-c', lines.join('\n')])).toMatchObject({ code: 0 });
  };
  /** What is said while the world's address is not known, and goes on its way together. */
  const sayWaiting = async (...words: readonly string[]) => {
    await world(`ip link set ${WORLD_BRIDGE} arp off`);
    try {
      await node('ip neigh flush dev eth0');
      await say(...words);
    } finally {
      await world(`ip link set ${WORLD_BRIDGE} arp on`);
    }
  };
  await node('sysctl -qw net.ipv4.neigh.eth0.mcast_solicit=200');
  await eventually('the world is reached', async () => {
    await say('open');
    return heard.includes('open');
  });
  await sayWaiting('allowed-1', 'allowed-2', 'allowed-3');
  await eventually('what is allowed waits and arrives', async () => said('allowed').length === 3);

  const to = [{ ipBlock: { cidr: `${OUTSIDE}/32` } }];
  await policy(scene, 'client', {
    podSelector: { matchLabels: { app: 'client' } },
    policyTypes: ['Egress'],
    egress: [{ to, ports: [{ protocol: 'UDP', port: 7001 }] }],
  });
  const before = await dropsOf('policy-egress');
  await eventually('the policy holds', async () => {
    await say('probe');
    return (await dropsOf('policy-egress')) > before;
  });
  const denied = await dropsOf('policy-egress');
  await sayWaiting('denied-1', 'denied-2', 'denied-3');
  const judged = async () => (await dropsOf('policy-egress')) - denied;
  await eventually('their way has ended', async () => (await judged()) + said('denied').length === 3);
  expect(said('denied')).toEqual([]);
});

async function dropsOf(reason: string): Promise<number> {
  const lines = (await lab.api.metrics()).split('\n');
  const found = lines.filter((line) => line.startsWith(`membrane_datapath_packets_total{reason="${reason}"`));
  return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
