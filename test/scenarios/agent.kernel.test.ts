import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { installCni } from '../../src/agent/boot/cni-files.ts';
import { OVERLAY_DEVICE } from '../../src/agent/node/index.ts';
import { Observer } from '../../src/api/hubble/gen/observer/observer_pb.js';
import { JUDGE_PROGRAMS, type MapName, TcxLink } from '../../src/datapath/index.ts';
import { mapPin } from '../../src/datapath/maps/map-set.ts';
import { AGENT_ROLE } from '../../tools/deploy/rights.ts';
import { AgentLab, eventually, type LabPod, networkPolicy, POLICIES, sleep } from './agent-lab.ts';
import { PROMTOOL, wrongMetrics } from './promtool.ts';

const onlyFrontend = networkPolicy('backend', {
  podSelector: { matchLabels: { app: 'backend' } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: 'frontend' } } }] }],
});

/** `lastSeconds`: how long it waits for the last answer, if there is none. */
function floodOf(from: LabPod, to: string, packets: number, lastSeconds: number) {
  const ping = ['ping', '-n', '-q', '-i', '0.002', '-W', String(lastSeconds), '-c', String(packets), to];
  const args = [`--net=/run/netns/${from.netns}`, '--', ...ping];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise<{ sent: number; received: number }>((done) => {
    child.once('close', () => {
      const [, sent, received] =
        /(\d+) packets transmitted, (\d+) received/.exec(Buffer.concat(chunks).toString()) ?? [];
      done({ sent: Number(sent), received: Number(received) });
    });
  });
}

const hubbleTransport = (path: string) =>
  createGrpcTransport({
    baseUrl: 'http://localhost',
    nodeOptions: { createConnection: () => net.connect({ path }) },
  });

/** Some seconds of them, more on a slow machine. */
const PACKETS = 2_000;

/** Kernel ids of what runs at every device, pods' and the node's own. */
function running(lab: AgentLab): string[] {
  const entries = readdirSync(`${lab.pinDir}/links`, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && !entry.parentPath.endsWith('/sock'))
    .map((entry) => {
      const pin = join(entry.parentPath, entry.name);
      using link = TcxLink.open(pin);
      return `${pin} ${link?.now.programId}`;
    });
}

/** Nothing of what was closed meanwhile: the agent opens and closes descriptors all the time. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** What it answers in JSON. */
function bpftool<T>(...args: string[]): T {
  return JSON.parse(execFileSync('bpftool', ['-j', ...args], { encoding: 'utf8' })) as T;
}

/** Which identity and policy revision is in force, by endpoint. */
async function revisions(lab: AgentLab): Promise<string[]> {
  const endpoints = await lab.admin().endpoints();
  return endpoints.map(({ id, identity, policyRevision }) => `${id} ${identity} ${policyRevision}`).sort();
}

/** What is told of packets of a pod that were dropped. */
async function drops(lab: AgentLab, pod: string): Promise<unknown[]> {
  const request = { filter: { fromPod: [pod], verdict: ['dropped' as const] }, last: 50, follow: false };
  const lines = await Array.fromAsync(lab.admin().observe(request));
  return lines.flatMap((line) => (line.kind === 'flow' ? [line.flow] : []));
}

const devices = async (lab: AgentLab): Promise<string[]> =>
  [...(await lab.inNode('ip', '-o', 'link')).matchAll(/ (mbr[0-9a-f]{4})@/g)].map(([, name]) => name ?? '');

describe('an agent on a node', () => {
  const lab = new AgentLab();
  let backend: LabPod;
  let frontend: LabPod;
  let other: LabPod;

  /** A disk of its own, so small that it can be filled. */
  const exports = () => `${lab.dir}/exports`;

  beforeAll(async () => {
    await lab.up();
    mkdirSync(exports());
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'exports', exports()]);
    const flowExport = { file: `${exports()}/flows.jsonl`, allow: [{ verdict: ['DROPPED'] }] };
    await lab.startAgent({ flowExport });
    await lab.apply(POLICIES, onlyFrontend);
    backend = await lab.addPod('backend', { app: 'backend' });
    frontend = await lab.addPod('frontend', { app: 'frontend' });
    other = await lab.addPod('other', { app: 'other' });
    await eventually('all are served', async () => (await lab.admin().status()).counts.endpointsReady === 3);
  });
  afterAll(async () => {
    execFileSync('umount', ['-l', exports()]);
    await lab.down();
  });

  it('lets only the frontend reach the backend, and pods reach the node and the world', async () => {
    await lab.reaches(frontend, backend.ip);
    expect(await lab.ping(other, backend.ip)).toBe(false);
    await lab.reaches(backend, other.ip);
    await lab.reaches(frontend, '172.18.0.2');
    await lab.reaches(frontend, '172.18.0.1');
    await eventually('the node reaches it', () => lab.nodePing(backend.ip));
  });

  it('follows labels in both directions', async () => {
    await lab.relabel('other', { app: 'frontend' });
    await eventually('the relabelled pod is let in', () => lab.ping(other, backend.ip));
    await lab.relabel('other', { app: 'other' });
    await eventually('the relabelled pod is kept out', async () => !(await lab.ping(other, backend.ip)));
  });

  it('tells what it enforces', async () => {
    const admin = lab.admin();
    expect(await admin.endpoint({ namespace: 'default', pod: 'backend' })).toMatchObject({
      state: 'ready',
      enforced: { ingress: true, egress: false },
    });
    const dropsOf = async (pod: string) => (await admin.endpoint({ namespace: 'default', pod })).counters?.drops;
    await expect
      .poll(async () => await dropsOf('other'))
      .toEqual([expect.objectContaining({ reason: 'policy-ingress', direction: 'egress' })]);
    await expect
      .poll(async () => await admin.policies())
      .toMatchObject([{ name: 'backend', state: 'applied', endpoints: 1 }]);
    const denied = await admin.trace({ from: 'default/other', to: 'default/backend', port: 80 });
    expect(denied).toMatchObject({
      verdict: 'denied',
      steps: [{ verdict: 'allowed' }, { nearestMiss: { rule: 'ingress rule 0' } }],
    });
    const denial = expect.objectContaining({
      by: 'policies',
      policies: ['NetworkPolicy default/backend'],
      nearestMiss: expect.objectContaining({ rule: 'ingress rule 0', wants: 'pod app=frontend' }),
    });
    await expect
      .poll(async () => await drops(lab, 'default/other'))
      .toContainEqual(expect.objectContaining({ dropReason: 'policy-ingress', rules: {}, denial }));
    expect(await admin.trace({ from: frontend.ip, to: backend.ip, port: 80 })).toMatchObject({ verdict: 'allowed' });
    const nobody = { from: 'default/frontend', to: '10.244.1.201', port: 80 };
    expect(await admin.trace(nobody)).toMatchObject({ verdict: 'denied', steps: [{ drop: 'no-endpoint' }] });
    expect(await lab.ping(frontend, nobody.to)).toBe(false);
    await expect
      .poll(async () => await dropsOf('frontend'))
      .toEqual([expect.objectContaining({ reason: 'no-endpoint', direction: 'egress' })]);
    await expect(admin.trace({ from: 'default/nobody', to: 'world' })).rejects.toMatchObject({
      code: 'E_AGENT_NOT_FOUND',
    });
    await expect.poll(async () => await lab.metric('membrane_endpoints{state="ready"}')).toBe(3);
    await expect.poll(async () => (await admin.status()).checks.filter(({ ok }) => !ok)).toEqual([]);
  });

  it('writes flows to a file, counts those for which the disk has no room, and goes on when it has', async () => {
    const written = () => lab.metric('membrane_flow_exported_total');
    const told = () =>
      readFileSync(`${exports()}/flows.jsonl`, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { flow?: { verdict: string; source?: { pod_name?: string } } });
    const ofOther = () => told().filter(({ flow }) => flow?.source?.pod_name === 'other').length;
    const drop = async () => expect(await lab.ping(other, backend.ip)).toBe(false);
    await drop();
    await eventually('they are written', async () => ofOther() > 0);
    const problems = async () =>
      (await lab.admin().status()).checks.filter(({ ok }) => !ok).map(({ detail }) => detail);
    const filler = `${exports()}/filler`;
    // Of what is left nothing stays, however little.
    expect(() => writeFileSync(filler, Buffer.alloc(256 * 1024))).toThrow('ENOSPC');
    await eventually('it says so', async () => {
      await drop();
      return (await problems()).join().includes('ENOSPC');
    });
    await expect
      .poll(async () => await lab.metric('membrane_flow_export_lost_total{reason="file"}'))
      .toBeGreaterThan(0);
    const before = await written();
    rmSync(filler);
    await eventually('it goes on', async () => {
      await drop();
      return (await written()) > before && (await problems()).length === 0;
    });
    expect(new Set(told().map(({ flow }) => flow?.verdict ?? 'DROPPED'))).toEqual(new Set(['DROPPED']));
    await expect
      .poll(async () => {
        const lines = told().filter(({ flow }) => flow !== undefined).length;
        return lines - (await written());
      })
      .toBe(0);
  });

  it('tells of the kernel what bpftool does, each object once, and nothing that is not there', async () => {
    // The first who asks waits for what features cost to be measured, which takes its time on a busy machine.
    await eventually(
      'it is measured',
      async () =>
        (await lab
          .admin()
          .footprint()
          .catch(() => undefined)) !== undefined,
    );
    const { programs, maps, totals, whatIf } = await lab.admin().footprint();
    // What the agent's process holds, what its pins run, and the judges, found without it.
    const held = (field: string): number[] =>
      readdirSync(`/proc/${lab.agentPid}/fdinfo`).flatMap((fd) => {
        const text = textOf(`/proc/${lab.agentPid}/fdinfo/${fd}`);
        return [...text.matchAll(new RegExp(`^${field}:\\s*(\\d+)$`, 'gm'))].map(([, id]) => Number(id));
      });
    const pinned = readdirSync(`${lab.pinDir}/links`, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(
        (entry) => bpftool<{ prog_id: number }>('link', 'show', 'pinned', join(entry.parentPath, entry.name)).prog_id,
      );
    const judges = bpftool<{ value: string[] }[]>('map', 'dump', 'pinned', mapPin(`${lab.pinDir}/maps`, 'judges'));
    const judgeIds = judges.map(({ value }) => Buffer.from(value.map(Number)).readUInt32LE());
    expect(judgeIds).toHaveLength(JUDGE_PROGRAMS.length);
    const programIds = new Set([...held('prog_id'), ...pinned, ...judgeIds]);
    expect(programs.map(({ kernelId }) => kernelId)).toEqual([...programIds].toSorted((a, b) => a - b));
    for (const { kernelId, ...told } of programs) {
      const shown = bpftool<Record<string, unknown>>('prog', 'show', 'id', String(kernelId));
      expect({ kernelId, ...told }).toMatchObject({
        kernelId: shown.id,
        name: shown.name,
        xlatedBytes: shown.bytes_xlated,
        jitedBytes: shown.bytes_jited,
        memlockBytes: shown.bytes_memlock,
        mapIds: shown.map_ids ?? [],
        instructions: Number(shown.bytes_xlated) / 8,
      });
    }
    const mapIds = new Set([...held('map_id'), ...programs.flatMap((program) => program.mapIds)]);
    expect(maps.map(({ kernelId }) => kernelId)).toEqual([...mapIds].toSorted((a, b) => a - b));
    for (const { kernelId, name, ...told } of maps) {
      const shown = bpftool<Record<string, unknown>>('map', 'show', 'id', String(kernelId));
      expect(name.slice(0, 15)).toBe(shown.name);
      expect(told).toMatchObject({
        keyBytes: shown.bytes_key,
        valueBytes: shown.bytes_value,
        maxEntries: shown.max_entries,
        memlockBytes: shown.bytes_memlock,
      });
    }
    const sum = (numbers: readonly number[]) => numbers.reduce((all, number) => all + number, 0);
    expect(totals).toEqual({
      programs: programs.length,
      instructions: sum(programs.map(({ xlatedBytes }) => xlatedBytes)) / 8,
      jitedBytes: sum(programs.map(({ jitedBytes }) => jitedBytes)),
      programMemlockBytes: sum(programs.map(({ memlockBytes }) => memlockBytes)),
      maps: maps.length,
      mapMemlockBytes: sum(maps.map(({ memlockBytes }) => memlockBytes)),
    });
    const [device = ''] = await devices(lab);
    expect(programs.map(({ name, attachedTo }) => `${name}: ${attachedTo.join()}`)).toContain(
      `from_pod: tcx/ingress ${device}`,
    );
    expect(whatIf.map(({ features, programs: copies }) => `${features} ${copies.length > 4}`)).toEqual([
      'none true',
      'all true',
    ]);
  });

  it.skipIf(PROMTOOL === undefined)('tells metrics as promtool wants them', async () => {
    await lab.reaches(frontend, backend.ip);
    expect(await lab.ping(other, backend.ip)).toBe(false);
    const text = await lab.admin().metrics();
    expect(wrongMetrics(PROMTOOL ?? '', text)).toEqual([]);
    const series = new Map(
      [...text.matchAll(/^(membrane_\w+\{.*\}) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]),
    );
    const whose = 'tenant="_unassigned",namespace="default"';
    expect(series.get(`membrane_drops_total{${whose},reason="policy-ingress",direction="egress"}`)).toBeGreaterThan(0);
    const backendPolicy = `${whose},policy="NetworkPolicy default/backend",direction="ingress",verdict="forwarded"`;
    expect(series.get(`membrane_policy_verdicts_total{${backendPolicy}}`)).toBeGreaterThan(0);
    const byDefault = `${whose},policy="_default",direction="egress",verdict="forwarded"`;
    expect(series.get(`membrane_policy_verdicts_total{${byDefault}}`)).toBeGreaterThan(0);
    expect(series.get('membrane_tenant_pods{tenant="_unassigned"}')).toBe(3);
    expect(series.get('membrane_cni_request_seconds_count{command="ADD",result="done"}')).toBe(3);
    // It does find what is wrong.
    expect(wrongMetrics(PROMTOOL ?? '', `${text}membrane_things_total 1\n`)).toHaveLength(1);
  });

  it('has no connection with the outside judged anew for a pod that comes and goes', async () => {
    await lab.reaches(frontend, '172.18.0.1');
    const current = async () => {
      const views = await Array.fromAsync(lab.admin().connections());
      return new Map(
        views.flatMap(({ source, destination, current: isCurrent }) =>
          destination.addr === '172.18.0.1' ? [[`${source.addr} ${source.port}`, isCurrent] as const] : [],
        ),
      );
    };
    const all = await current();
    expect([...all.values()]).toContain(true);
    /** As they were, those that have not expired meanwhile; the newest is there. */
    const areAsBefore = async (): Promise<void> => {
      const now = await current();
      expect(now.size).toBeGreaterThan(0);
      expect(now).toEqual(new Map([...all].filter(([connection]) => now.has(connection))));
    };
    const brief = await lab.addPod('brief', { app: 'brief' });
    await lab.reaches(brief, '172.18.0.2');
    await areAsBefore();
    await lab.removePod(brief);
    await lab.reaches(frontend, '172.18.0.2');
    await areAsBefore();
  });

  it('hears of a new range of services at once', async () => {
    const to = '203.0.113.5';
    const asked = { from: 'default/frontend', to, port: 80, protocol: 'TCP' } as const;
    expect(await lab.admin().trace(asked)).toMatchObject({ verdict: 'allowed' });
    const range = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'more' } };
    await lab.apply('/apis/networking.k8s.io/v1/servicecidrs', { ...range, spec: { cidrs: ['203.0.113.0/24'] } });
    const drops = async () => (await lab.admin().trace(asked)).steps.flatMap(({ drop }) => drop ?? []);
    await eventually('it is nobody’s', async () => (await drops()).includes('service-unknown'));
    expect(await lab.ping(frontend, to)).toBe(false);
    await expect
      .poll(async () => (await lab.admin().endpoint({ namespace: 'default', pod: 'frontend' })).counters?.drops)
      .toContainEqual(expect.objectContaining({ reason: 'service-unknown', direction: 'egress' }));
    await lab.request('DELETE', '/apis/networking.k8s.io/v1/servicecidrs/more');
  });

  it('keeps a pod closed that the API does not know, and opens it by itself', async () => {
    const stranger = lab.makeNetns('stranger', '');
    const { code, answer } = await lab.cni(
      'ADD',
      stranger,
      {},
      {
        CNI_ARGS: 'K8S_POD_NAMESPACE=default;K8S_POD_NAME=stranger',
      },
    );
    expect(code).toBe(0);
    stranger.ip = (answer as { ips: [{ address: string }] }).ips[0].address.replace('/32', '');
    expect(await lab.ping(stranger, other.ip)).toBe(false);
    expect(await lab.ping(other, stranger.ip)).toBe(false);
    await lab.createPodObject('stranger', { app: 'stranger' });
    await eventually('it is open', () => lab.ping(stranger, other.ip));
    await lab.deletePodObject('stranger');
    await eventually('it is closed', async () => !(await lab.ping(stranger, other.ip)));
    await lab.aPassAfter(() => lab.createPodObject('stranger', { app: 'frontend' }));
    expect(await lab.ping(stranger, other.ip), 'another pod of its name is not it').toBe(false);
    await lab.removePod(stranger);
  });

  it('speaks CNI', async () => {
    expect((await lab.cni('VERSION', backend)).answer).toMatchObject({
      supportedVersions: ['0.4.0', '1.0.0', '1.1.0'],
    });
    expect((await lab.cni('STATUS', backend)).code).toBe(0);
    expect(await lab.cni('CHECK', backend)).toEqual({ code: 0, answer: undefined });
    expect((await lab.cni('ADD', backend)).answer).toMatchObject({ code: 103 });
    const late = lab.makeNetns('late', await lab.createPodObject('late', { app: 'late' }));
    const wanted = { runtimeConfig: { ips: [backend.ip] } };
    expect((await lab.cni('ADD', late, wanted)).answer).toMatchObject({ code: 101 });
    expect((await lab.cni('ADD', late, { runtimeConfig: { ips: ['10.99.0.1'] } })).answer).toMatchObject({ code: 102 });
    for (const path of [`/run/netns/${lab.node}`, '/etc/passwd', '/run/netns/mbr-none', '/proc/self/ns/mnt']) {
      expect((await lab.cni('ADD', late, {}, { CNI_NETNS: path })).code, path).toBe(1);
    }
    expect((await lab.cni('CHECK', late)).answer).toMatchObject({ code: 3 });
    const before = (await devices(lab)).length;
    expect((await lab.cni('ADD', late, { runtimeConfig: { ips: ['10.244.1.200'] } })).answer).toMatchObject({
      ips: [{ address: '10.244.1.200/32' }],
    });
    expect(await devices(lab)).toHaveLength(before + 1);
    execFileSync('ip', ['-n', late.netns, 'route', 'del', 'default']);
    expect((await lab.cni('CHECK', late)).answer).toMatchObject({ code: 104, msg: expect.stringContaining('default') });
    const valid = [backend, frontend, other].map(({ containerId }) => ({ containerID: containerId, ifname: 'eth0' }));
    expect((await lab.cni('GC', late, { 'cni.dev/valid-attachments': valid })).code).toBe(0);
    expect(await devices(lab)).toHaveLength(before);
    await lab.removePod(late);
    expect((await lab.cni('DEL', late)).code).toBe(0);
  });

  it('is the only one of its node', async () => {
    const args = [`--net=/run/netns/${lab.node}`, '--', process.execPath, 'src/cli/main.ts', 'agent', '--config'];
    const second = spawn('nsenter', [...args, `${lab.dir}/agent.json`], { stdio: ['ignore', 'ignore', 'pipe'] });
    const chunks: Buffer[] = [];
    second.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const code = await new Promise((done) => second.once('close', done));
    expect({ code, text: Buffer.concat(chunks).toString() }).toEqual({
      code: 4,
      text: expect.stringContaining('E_AGENT_RUNNING'),
    });
    expect((await lab.admin().status()).ready).toBe(true);
  });

  it('may be killed and started while packets flow, and re-creates nothing', async () => {
    const before = running(lab);
    const words = await revisions(lab);
    const flows = Promise.all([floodOf(frontend, backend.ip, PACKETS, 60), floodOf(other, backend.ip, PACKETS, 1)]);
    const isOver = flows.then(() => true);
    // Whatever the machine's speed, it is killed from the first packet to the last.
    while (!(await Promise.race([isOver, sleep(200)]))) {
      await lab.stopAgent('SIGKILL');
      await sleep(200);
      await lab.startAgent();
    }
    expect(await flows).toEqual([
      { sent: PACKETS, received: PACKETS },
      { sent: PACKETS, received: 0 },
    ]);
    await expect.poll(async () => await revisions(lab)).toEqual(words);
    await expect
      .poll(async () => (await lab.admin().status()).counts)
      .toMatchObject({ endpoints: 3, endpointsReady: 3 });
    expect(running(lab)).toEqual(before);
    await lab.relabel('other', { app: 'frontend' });
    await eventually('the restarted agent still follows', () => lab.ping(other, backend.ip));
    await lab.relabel('other', { app: 'other' });
    await eventually('in both directions', async () => !(await lab.ping(other, backend.ip)));
  });

  it('leaves nothing of an ADD that it was killed in', async () => {
    const before = { devices: await devices(lab), running: running(lab) };
    for (let round = 0; round < 5; round += 1) {
      const victim = lab.makeNetns(`victim-${round}`, await lab.createPodObject(`victim-${round}`, { app: 'victim' }));
      const add = lab.cni('ADD', victim);
      await sleep(4 + round * 8);
      await lab.stopAgent('SIGKILL');
      const { code } = await add;
      await lab.startAgent();
      if (code === 0) await lab.removePod(victim);
      else expect((await lab.cni('DEL', victim)).code).toBe(0);
      await eventually('nothing of it is left', async () => (await devices(lab)).length === before.devices.length);
      await expect.poll(() => running(lab)).toEqual(before.running);
    }
  });

  it('goes on without the API server, and catches up', async () => {
    lab.connectApi(false);
    await lab.reaches(frontend, backend.ip);
    await lab.stopAgent('SIGKILL');
    await lab.startAgent({}, { waitReady: false });
    const isRefused = async () => (await lab.admin().status()).checks.some(({ detail }) => detail.includes('E_KUBE_'));
    await eventually('it has asked the server in vain', isRefused);
    await lab.reaches(frontend, backend.ip);
    expect(await lab.ping(other, backend.ip)).toBe(false);
    expect((await lab.admin().status()).ready).toBe(false);
    lab.connectApi(true);
    await eventually('the agent is ready', async () => (await lab.admin().status()).ready);
    await lab.relabel('other', { app: 'frontend' });
    await eventually('it follows again', () => lab.ping(other, backend.ip));
    await lab.relabel('other', { app: 'other' });
  });

  it('removes everything when told to', async () => {
    expect(await lab.stopAgent('SIGTERM')).toBe(0);
    await lab.reaches(frontend, backend.ip);
    const folders = { binDir: `${lab.dir}/cni-bin`, confDir: `${lab.dir}/cni-conf` };
    const { written } = installCni(folders);
    writeFileSync(`${folders.confDir}/10-other.conflist`, '{}');
    const other = `${lab.pinDir}-of-another-node`;
    mkdirSync(other);
    const output = await lab.runAgentOnce('--cleanup');
    const state = `${lab.dir}/state`;
    const told = [...written.toReversed(), '3 devices of pods', lab.pinDir, state, 'masquerade ports'];
    for (const one of told) expect(output).toContain(one);
    expect(await devices(lab)).toEqual([]);
    expect([lab.pinDir, state, ...written].filter((path) => existsSync(path))).toEqual([]);
    // Neither a program nor a route is left, and what is others' is. The kernel lets go of a link a moment after its last pin went
    // (bpf_link_put leaves that to a worker).
    await expect.poll(() => lab.inNode('bpftool', '-j', 'net', 'show')).not.toMatch(/from_|to_/);
    await expect.poll(() => lab.inNode('bpftool', 'cgroup', 'show', lab.cgroup)).toMatch(/^\s*$/);
    expect(await lab.inNode('ip', 'route')).not.toContain('10.244.1.');
    expect([other, `${folders.confDir}/10-other.conflist`].filter((path) => existsSync(path))).toHaveLength(2);
    rmdirSync(other);
    expect(await lab.runAgentOnce('--cleanup')).toBe('nothing of an agent was on this node\n');
    expect(existsSync(state)).toBe(false);
  });
});

describe('an agent with other settings', () => {
  const lab = new AgentLab();
  beforeAll(async () => {
    await lab.up();
  });
  afterEach(async () => {
    await lab.stopAgent();
    await lab.runAgentOnce('--cleanup').catch(() => undefined);
  });
  afterAll(async () => {
    await lab.down();
  });

  it('is deployed with the rights that it uses, and with no others', async () => {
    const kubeconfig = await lab.deploy();
    // An agent in a pod is in that namespace, as the operator is.
    await lab.startAgent({ kubeconfig, operatorLease: { namespace: 'membrane' } }, { withoutFile: true });
    const ports = [{ port: 80 }];
    await lab.apply('/api/v1/namespaces/default/services', {
      metadata: { name: 'refused' },
      spec: { selector: { app: 'none' }, ports, externalIPs: ['198.51.100.7'] },
    });
    await eventually('an event says that an address is refused', async () => {
      const { items } = await lab.request('GET', '/api/v1/namespaces/default/events');
      const named = (items as { involvedObject: { name: string } }[]).map(({ involvedObject }) => involvedObject.name);
      return named.includes('refused');
    });
    await expect.poll(async () => (await lab.admin().status()).checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(lab.log()).not.toContain('E_KUBE_FORBIDDEN');
    const asked = (resource: string, verb: string) =>
      lab.requests.some((request) => {
        const [, method, path = '', query = ''] = /^(\S+) ([^?]*)\??(.*)$/.exec(request) ?? [];
        // A streamed list is what a list is to a server that has none.
        const isList = !query.includes('watch=') || query.includes('sendInitialEvents=');
        const reads = isList && verb === 'list' ? 'list' : 'watch';
        return path.endsWith(`/${resource}`) && (method === 'POST' ? 'create' : reads) === verb;
      });
    await lab.createPodObject('numbered', { app: 'numbered' });
    await eventually('its number is asked for', () => asked('identities', 'create'));
    const told = await lab.addPod('told', { app: 'told' });
    await eventually('others are told of it', () => asked('nodeendpointslices', 'create'));
    await lab.removePod(told);
    await lab.admin().verify({});
    await eventually('the operator is told what was proved', () => asked('nodeproofs', 'create'));
    // Who asks for flows, and what he may see.
    await expect(Array.fromAsync(lab.admin().observe({ last: 1, as: { user: 'nobody' } }))).rejects.toThrow(
      /"nobody" cannot list resource "flows"/,
    );
    const observer = createClient(Observer, hubbleTransport(join(lab.dir, 'state/hubble.sock')));
    const headers = { authorization: 'Bearer nonsense' };
    await expect(observer.serverStatus({}, { headers })).rejects.toMatchObject({ code: Code.Unauthenticated });
    // Of single objects only where several nodes meet, and where some are changed or are to go.
    const onOne = ['get', 'update', 'patch', 'delete'];
    const rights = AGENT_ROLE.flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => [resource, verb] as const)),
    );
    await expect
      .poll(() => rights.filter(([resource, verb]) => !onOne.includes(verb) && !asked(resource, verb)))
      .toEqual([]);
    await lab.deletePodObject('numbered');
    await lab.request('DELETE', '/api/v1/namespaces/default/services/refused');
  });

  it('removes the device of the overlay and its routes, too', async () => {
    await lab.apply('/api/v1/nodes', {
      metadata: { name: 'far' },
      spec: { podCIDR: '10.244.77.0/24', podCIDRs: ['10.244.77.0/24'] },
    });
    const status = { addresses: [{ type: 'InternalIP', address: '172.18.0.77' }] };
    await lab.request('PATCH', '/api/v1/nodes/far/status', { status }, 'application/merge-patch+json');
    await lab.startAgent({ routing: 'tunnel' });
    await eventually('there is a way to other nodes', async () =>
      (await lab.inNode('ip', 'route')).includes('10.244.77.0/24'),
    );
    await expect
      .poll(async () => (await lab.admin().status()).checks.find(({ name }) => name === 'routing')?.detail)
      .toContain('tunnel');
    await lab.stopAgent('SIGTERM');
    expect(await lab.inNode('ip', 'link')).toContain(OVERLAY_DEVICE);
    expect(await lab.runAgentOnce('--cleanup')).toContain(`the device ${OVERLAY_DEVICE}`);
    expect(await lab.inNode('ip', 'link')).not.toContain(OVERLAY_DEVICE);
    expect(await lab.inNode('ip', 'route')).not.toContain('10.244.77.');
    await lab.request('DELETE', '/api/v1/nodes/far');
  });

  it('closes a pod whose policy does not fit, says so everywhere, and isolates others all the same', async () => {
    await lab.startAgent({ maps: { policy: 64 } });
    const backend = await lab.addPod('backend', { app: 'backend' });
    const frontend = await lab.addPod('frontend', { app: 'frontend' });
    await lab.reaches(frontend, backend.ip);
    const state = async (name: string) => (await lab.admin().policies()).find((policy) => policy.name === name);
    const ports = Array.from({ length: 80 }, (_, i) => ({ port: 1001 + 2 * i }));
    const large = {
      podSelector: { matchLabels: { app: 'backend' } },
      ingress: [{ ports }, { from: [{ podSelector: {} }] }],
    };
    await lab.apply(POLICIES, networkPolicy('backend', large));
    await eventually('it is refused', async () => (await state('backend'))?.state === 'refused');
    expect((await state('backend'))?.detail).toMatch(/ingress closed: .*maps are full.*\d+ more are needed/);
    expect(await state('backend')).toMatchObject({
      since: expect.stringMatching(/^20.*Z$/),
      meanwhile: [
        { direction: 'ingress', inForce: 'closed', pods: ['default/backend'], why: expect.stringContaining('full') },
      ],
    });
    expect((await lab.admin().endpoints()).find(({ pod }) => pod === 'backend')).toMatchObject({
      enforced: { ingress: true, egress: false },
      inForce: { ingress: 'closed', egress: 'wanted' },
    });
    expect((await lab.admin().status()).checks.find(({ name }) => name === 'policy tables')?.ok).toBe(false);
    expect((await lab.admin().endpoints()).find(({ pod }) => pod === 'backend')?.detail).toMatch(/ingress closed/);
    const asked = { from: 'default/frontend', to: 'default/backend', protocol: 'TCP', port: 1001 } as const;
    const traced = await lab.admin().trace(asked);
    expect([traced.verdict, traced.steps.at(-1)?.reason]).toEqual(['denied', expect.stringMatching(/closed.*full/)]);
    expect(await lab.ping(frontend, backend.ip)).toBe(false);

    await lab.reaches(backend, frontend.ip);
    const isolate = { podSelector: { matchLabels: { app: 'frontend' } }, policyTypes: ['Ingress'] };
    await lab.apply(POLICIES, networkPolicy('isolate', isolate));
    await eventually('it is applied', async () => (await state('isolate'))?.state === 'applied');
    await eventually('it holds', async () => !(await lab.ping(backend, frontend.ip)));

    const fewer = { ...large, ingress: [{ ports: ports.slice(0, 5) }, { from: [{ podSelector: {} }] }] };
    await lab.request('PUT', `${POLICIES}/backend`, networkPolicy('backend', fewer));
    await eventually('it fits', async () => (await state('backend'))?.state === 'applied');
    await lab.reaches(frontend, backend.ip);
    await lab.request('DELETE', `${POLICIES}/isolate`);
  });

  it('says that addresses of nodes elsewhere have no room', async () => {
    await lab.startAgent({ maps: { ipcache: 16 } });
    const check = async () => (await lab.admin().status()).checks.find(({ name }) => name === 'addresses');
    await expect.poll(check).toMatchObject({ ok: true });
    const addresses = Array.from({ length: 8 }, (_, n) => ({ type: 'InternalIP', address: `198.51.100.${n + 1}` }));
    await lab.apply('/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'far' },
      status: { addresses },
    });
    await eventually('it is said', async () => (await check())?.ok === false);
    await expect.poll(async () => (await check())?.detail).toMatch(/^2 of 8 addresses .* have no room in the ipcache/);
    await expect.poll(async () => await lab.metric('membrane_unplaced_addresses')).toBe(2);
    await lab.request('DELETE', '/api/v1/nodes/far');
    await eventually('all have room again', async () => (await check())?.ok === true);
  });

  it('creates nothing for what is off', async () => {
    await lab.request('DELETE', `${POLICIES}/backend`);
    await lab.startAgent({
      policyEnforcement: 'never',
      enableEvents: false,
      enableFragments: false,
      enableIcmpErrors: false,
      enableCounters: false,
      cidrSelects: [],
      podCIDR: '10.244.1.0/29',
    });
    const isThere = (name: MapName): boolean => existsSync(mapPin(`${lab.pinDir}/maps`, name));
    expect(isThere('conntrack')).toBe(true);
    for (const name of ['policy', 'events', 'event_state', 'fragments'] as const)
      expect(isThere(name), name).toBe(false);
    const [first, second] = [await lab.addPod('first', {}), await lab.addPod('second', {})];
    await lab.reaches(first, second.ip);
    for (let i = 0; i < 4; i += 1) await lab.addPod(`more-${i}`, {});
    const last = lab.makeNetns('last', await lab.createPodObject('last', {}));
    expect((await lab.cni('ADD', last)).answer).toMatchObject({
      code: 100,
      msg: expect.stringContaining('10.244.1.0/29'),
    });
    expect((await lab.cni('STATUS', last)).answer).toMatchObject({ code: 50 });
    await lab.removePod(second);
    expect((await lab.cni('STATUS', last)).code).toBe(0);
    expect((await lab.cni('ADD', last)).answer).toMatchObject({ ips: [{ address: `${second.ip}/32` }] });
  });

  it('says what is wrong with its configuration', async () => {
    await expect(lab.startAgent({ polcyEnforcement: 'always' })).rejects.toThrow('the agent ended with 2');
    await expect(lab.startAgent({ uplink: 'nope0' })).rejects.toThrow('there is no device nope0');
    await expect(lab.startAgent({ kubeconfig: '/nope' })).rejects.toThrow('/nope cannot be read');
  });
});
