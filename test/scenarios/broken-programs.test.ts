/** Programs that cannot be put right: what they guard is closed, stays closed whatever happens, and opens when they can. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AgentLab, eventually, type LabPod, networkPolicy, POLICIES } from './agent-lab.ts';

const OCCUPIED_HOOK = fileURLToPath(new URL('./occupied-hook.ts', import.meta.url));
const WORLD = '172.18.0.1';

const onlyFrontend = networkPolicy('backend', {
  podSelector: { matchLabels: { app: 'backend' } },
  ingress: [{ from: [{ podSelector: { matchLabels: { role: 'frontend' } } }] }],
});

describe('an agent that cannot put programs right', () => {
  const lab = new AgentLab();
  let backend: LabPod;
  let frontend: LabPod;
  let occupier: ChildProcess | undefined;

  const viewOf = async (pod: LabPod) => await lab.admin().endpoint({ namespace: 'default', pod: pod.name });
  const linkOf = async (pod: LabPod, hook: string): Promise<string> =>
    `${lab.pinDir}/links/pods/${(await viewOf(pod)).id}-${hook}`;
  const check = async (name: string) => (await lab.admin().status()).checks.find((one) => one.name === name);

  async function isClosed(pod: LabPod): Promise<void> {
    const answered = [lab.ping(pod, WORLD), lab.ping(pod, backend.ip), lab.ping(backend, pod.ip)];
    expect(await Promise.all(answered)).toEqual([false, false, false]);
    await expect
      .poll(async () => await viewOf(pod))
      .toMatchObject({ state: 'broken', policyRevision: 0, detail: expect.stringContaining('programs') });
  }

  async function isOpen(pod: LabPod): Promise<void> {
    await eventually('it is open', async () => (await viewOf(pod)).state === 'ready');
    for (const to of [WORLD, backend.ip]) await eventually(`${to} answers`, () => lab.ping(pod, to));
    for (const name of ['endpoints', 'datapath'])
      await eventually(`${name} are well`, async () => (await check(name))?.ok === true);
  }

  async function occupy(pod: LabPod, hook: string): Promise<void> {
    const { ifindex } = await viewOf(pod);
    const args = [`--net=/run/netns/${lab.node}`, '--', process.execPath, OCCUPIED_HOOK, String(ifindex)];
    const child = spawn('nsenter', [...args, await linkOf(pod, hook)], { stdio: ['pipe', 'pipe', 'inherit'] });
    occupier = child;
    await new Promise((done) => child.stdout.once('data', done));
  }

  async function free(): Promise<void> {
    if (occupier === undefined) return;
    const gone = new Promise((done) => occupier?.once('exit', done));
    occupier?.stdin?.end();
    await gone;
    occupier = undefined;
  }

  beforeAll(async () => {
    await lab.up();
    await lab.startAgent();
    await lab.apply(POLICIES, onlyFrontend);
    backend = await lab.addPod('backend', { app: 'backend' });
    frontend = await lab.addPod('frontend', { app: 'frontend', role: 'frontend' });
    await isOpen(frontend);
  });
  afterEach(free);
  afterAll(async () => {
    await lab.down();
  });

  it.each(['ingress', 'egress'])('closes a pod at whose %s nothing can be attached, until it can', async (hook) => {
    await occupy(frontend, hook);
    await eventually('it is found', async () => (await viewOf(frontend)).state === 'broken');
    await isClosed(frontend);

    await lab.aPassAfter(() => lab.relabel('frontend', { app: 'front-end' }));
    await isClosed(frontend);
    const open = networkPolicy('other', { podSelector: {}, ingress: [{}], egress: [{}] });
    await lab.aPassAfter(() => lab.apply(POLICIES, open));
    await isClosed(frontend);
    await lab.request('DELETE', `${POLICIES}/other`);

    for (const [app, config] of [
      ['one', {}],
      ['two', { maps: { policy: 8_192 } }],
    ] as const) {
      await lab.stopAgent('SIGKILL');
      await lab.startAgent(config);
      await isClosed(frontend);
      await lab.aPassAfter(() => lab.relabel('frontend', { app }));
      await isClosed(frontend);
    }

    await expect
      .poll(async () => await check('endpoints'))
      .toMatchObject({ detail: expect.stringContaining('default/frontend is broken') });
    await expect.poll(async () => await lab.metric('membrane_endpoints{state="broken"}')).toBe(1);
    await eventually('the doctor finds it', async () => {
      const { findings } = await lab.admin().doctor();
      return findings.some((one) => one.severity === 'critical' && one.evidence.includes('default/frontend'));
    });
    await eventually('an event says it', async () => {
      const { items } = await lab.request('GET', '/api/v1/namespaces/default/events');
      return (items as { reason: string }[]).some(({ reason }) => reason === 'ProgramsBroken');
    });

    await free();
    await isOpen(frontend);
  });

  it('closes what it cannot bring over to other maps, and leaves the node within reach', async () => {
    const device = `mbr${(await viewOf(frontend)).id.toString(16).padStart(4, '0')}`;
    const uplink = (await lab.inNode('ip', '-o', 'link', 'show', 'eth0')).split(':')[0] ?? '';
    const links = [await linkOf(frontend, 'ingress'), `${lab.pinDir}/links/devices/${uplink}/ingress`];
    await lab.inWorld('ip', 'route', 'add', '10.244.1.0/24', 'via', '172.18.0.2');
    const fromWorld = async (pod: LabPod): Promise<boolean> =>
      await lab.inWorld('ping', '-n', '-c', '1', '-W', '1', pod.ip).then(
        () => true,
        () => false,
      );
    await eventually('the world reaches a pod that admits it', () => fromWorld(frontend));
    const other = await lab.addPod('other', { app: 'other' });
    await eventually('and another', () => fromWorld(other));

    // The programs go on, and nothing can be put in their place.
    await lab.stopAgent('SIGKILL');
    links.forEach((link, i) => {
      renameSync(link, `${lab.pinDir}/links/kept-${i}`);
      mkdirSync(link);
    });
    for (const name of readdirSync(`${lab.pinDir}/maps`)) {
      renameSync(`${lab.pinDir}/maps/${name}`, `${lab.pinDir}/maps/${name.replace(/_[0-9a-f]{8}$/, '_00000000')}`);
    }
    await lab.startAgent();
    await eventually('it is found', async () => (await viewOf(frontend)).state === 'broken');
    await isClosed(frontend);
    // Not by its device alone.
    await lab.inNode('ip', 'link', 'set', device, 'up');
    await lab.inNode('ip', 'route', 'replace', `${frontend.ip}/32`, 'dev', device);
    await isClosed(frontend);

    const uplinkIsTold = async () => (await check('datapath'))?.detail.includes("the node's eth0") === true;
    await eventually('the uplink is told', uplinkIsTold);
    expect(await fromWorld(other)).toBe(false);
    expect(await lab.ping(other, WORLD)).toBe(false);
    for (const to of [WORLD, other.ip]) await eventually(`the node reaches ${to}`, () => lab.nodePing(to));

    await lab.stopAgent('SIGKILL');
    links.forEach((link, i) => {
      rmdirSync(link);
      renameSync(`${lab.pinDir}/links/kept-${i}`, link);
    });
    await lab.startAgent();
    await isOpen(frontend);
    await eventually('the world reaches it again', () => fromWorld(frontend));
  });
});
