import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deferredFolder } from '../../src/agent/endpoints/deferred-deletes.ts';
import { AgentLab, eventually, networkPolicy, POLICIES } from './agent-lab.ts';

/** What container runtimes and kubelets do that nobody sees in a quiet moment. */
describe('a container runtime', () => {
  const lab = new AgentLab();
  const ids = async () => (await lab.admin().endpoints()).map(({ pod }) => pod).sort();
  const left = (containerId: string) => existsSync(join(deferredFolder(lab.cniSocket), `${containerId}@eth0`));

  beforeAll(async () => {
    await lab.up();
    await lab.startOperator();
    await lab.startAgent({ identity: { namespaceShare: 0.01 } });
  });
  afterAll(async () => {
    await lab.down();
  });

  it('may delete a pod while there is no agent: it is carried out when there is one', async () => {
    const pod = await lab.addPod('deleted', { app: 'a' });
    await lab.stopAgent('SIGKILL');
    expect(await lab.cni('DEL', pod)).toEqual({ code: 0, answer: undefined });
    expect(left(pod.containerId)).toBe(true);
    execFileSync('ip', ['netns', 'del', pod.netns]);
    lab.pods.delete(pod.netns);
    await lab.startAgent({ identity: { namespaceShare: 0.01 } });
    await lab.deletePodObject('deleted');
    await expect.poll(ids).toEqual([]);
    await eventually('it is not asked for any more', () => !left(pod.containerId));
  });

  it('is not held up by an agent that is stopped, and what it gave up does not come back', async () => {
    const pod = lab.makeNetns('stopped', await lab.createPodObject('stopped', { app: 'a' }));
    process.kill(lab.agentPid, 'SIGSTOP');
    const added = await lab.cni('ADD', pod);
    const deleted = await lab.cni('DEL', pod);
    process.kill(lab.agentPid, 'SIGCONT');
    expect(added).toMatchObject({ code: 1, answer: { code: 11 } });
    expect(deleted).toEqual({ code: 0, answer: undefined });
    const other = await lab.addPod('other', { app: 'a' });
    await eventually('nothing is left of what was given up', async () => (await ids()).join() === 'other');
    expect(await lab.inNode('ip', '-o', 'link')).toContain('mbr');
    await lab.removePod(other);
    await lab.deletePodObject('stopped');
  });

  it('may lose a pod’s namespace without a word: its endpoint goes when it is looked at', async () => {
    const pod = await lab.addPod('lost', { app: 'a' });
    execFileSync('ip', ['netns', 'del', pod.netns]);
    lab.pods.delete(pod.netns);
    await eventually('the endpoint is gone', async () => !(await ids()).includes('lost'));
    await lab.deletePodObject('lost');
  });

  it('may hold hundreds of connections that say nothing', async () => {
    const idle = Array.from({ length: 600 }, () => connect(lab.cniSocket).on('error', () => undefined));
    const pod = await lab.addPod('beside', { app: 'a' });
    for (const socket of idle) socket.destroy();
    await lab.removePod(pod);
  });

  it('knows a static pod by the hash of its file: the mirror’s labels are its', async () => {
    const hash = 'c5d5cc5b7ac3d3b3a45b23f1c2fdc3a7';
    await lab.createPodObject('static', { app: 'static' }, { 'kubernetes.io/config.mirror': hash });
    const pod = lab.makeNetns('static', hash);
    const { code, answer } = await lab.cni('ADD', pod);
    expect(code).toBe(0);
    pod.ip = (answer as { ips: { address: string }[] }).ips[0]?.address.split('/')[0] ?? '';
    const client = await lab.addPod('client', { app: 'client' });
    await lab.reaches(client, pod.ip);
    await lab.apply(
      POLICIES,
      networkPolicy('static', { podSelector: { matchLabels: { app: 'static' } }, ingress: [] }),
    );
    await eventually('its policy is in force', async () => !(await lab.ping(client, pod.ip)));
    for (const each of [pod, client]) await lab.removePod(each);
  });

  it('runs another pod than the one of the API under a name: it stays closed', async () => {
    await lab.createPodObject('taken', { app: 'a' });
    const pod = lab.makeNetns('taken', 'c5d5cc5b7ac3d3b3a45b23f1c2fdc3a7');
    expect((await lab.cni('ADD', pod)).code).toBe(0);
    const found = (await lab.admin().endpoints()).find((each) => each.pod === 'taken');
    expect(found?.state).not.toBe('ready');
    await lab.removePod(pod);
  });

  it('has one tenant relabel as often as it likes: no number is lost, and its own pod goes on', async () => {
    const restless = await lab.addPod('restless', { app: 'v0' });
    for (let index = 1; index <= 40; index += 1) await lab.relabel('restless', { app: `v${index}` });
    const ready = async () => (await lab.admin().endpoints()).find((each) => each.pod === 'restless');
    await eventually('its last label counts', async () => (await ready())?.labels.includes('k8s:app=v40') === true);
    const numbers = (await lab.admin().identities()).filter(({ kind }) => kind === 'cluster');
    expect(numbers.length).toBeLessThanOrEqual(6);
    await expect.poll(async () => (await ready())?.state).toBe('ready');
    await lab.removePod(restless);
  });

  it('keeps a pod closed whose namespace has all the identities it may have, says so, and opens it later', async () => {
    for (let index = 0; index < 6; index += 1) await lab.createPodObject(`hog-${index}`, { app: `hog-${index}` });
    await eventually('they have them all', async () => {
      const texts = (await lab.admin().identities()).flatMap(({ labels }) => labels);
      return texts.filter((label) => label.startsWith('k8s:app=hog-')).length === 6;
    });
    const seventh = await lab.addPod('seventh', { app: 'seventh' });
    const state = async () => (await lab.admin().endpoints()).find(({ pod }) => pod === 'seventh')?.state;
    expect(await state()).not.toBe('ready');
    const failing = async () => (await lab.admin().status()).checks.filter(({ ok }) => !ok);
    await expect
      .poll(async () => (await failing()).map(({ name, detail }) => `${name}: ${detail}`).join())
      .toContain('identities: pod default/seventh');
    expect(await state()).not.toBe('ready');
    await eventually('an event says it', async () => {
      const { items } = await lab.request('GET', '/api/v1/namespaces/default/events');
      return (items as { reason: string }[]).some(({ reason }) => reason === 'NoIdentity');
    });
    await lab.deletePodObject('hog-0');
    await eventually('it is open', async () => (await state()) === 'ready');
    for (let index = 1; index < 6; index += 1) await lab.deletePodObject(`hog-${index}`);
    await lab.removePod(seventh);
  });

  it('makes its cgroup after the agent has started: sockets are turned from then on', async () => {
    await lab.stopAgent();
    const cgroup = join(lab.cgroup, 'later');
    await lab.startAgent({ cgroup });
    const attached = () => lab.log().includes(`"cgroup":"${cgroup}"`);
    expect(attached()).toBe(false);
    mkdirSync(cgroup);
    await eventually('they are attached', attached);
    await lab.stopAgent();
    rmdirSync(cgroup);
  });
});
