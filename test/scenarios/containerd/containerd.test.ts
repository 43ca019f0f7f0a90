import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, networkPolicy } from '../agent-lab.ts';
import { checkPod } from './check.ts';
import { ContainerdLab, type CriPod, NODE_IP } from './lab.ts';
import { whyNoContainerd } from './node.ts';

const lacking = whyNoContainerd();

/** A real runtime calls the plugin: containerd with runc, asked through its CRI socket as a kubelet asks it. */
describe.skipIf(lacking !== undefined)(
  `containerd${lacking === undefined ? '' : ` (this machine lacks ${lacking})`}`,
  () => {
    const lab = new ContainerdLab();
    let web: CriPod;
    let friend: CriPod;
    let stranger: CriPod;

    const policy = (name: string, spec: unknown): void => {
      lab.api.store.create('networkpolicies', networkPolicy(name, spec) as never, { namespace: 'default' });
    };
    const refused = async (pod: CriPod): Promise<string> =>
      await lab.node.cri.runSandbox(pod.config).then(
        () => '',
        (error: unknown) => String(error),
      );
    const nothingLeft = async (): Promise<void> => {
      await eventually('nothing is left', async () => {
        const { devices, namespaces } = await lab.leftOnNode();
        return [...devices, ...namespaces, ...(await lab.endpoints())].length === 0;
      });
    };

    beforeAll(async () => {
      await lab.up();
    });
    afterAll(async () => {
      await lab.down();
    });

    it('has no network before the plugin is installed, and one afterwards', async () => {
      const before = await lab.node.cri.conditions();
      expect(before.find(({ type }) => type === 'NetworkReady')?.status).toBe(false);
      await lab.installCni();
    });

    it('starts no pod without an agent, and keeps nothing of its attempts', async () => {
      const early = lab.createPod('early');
      expect(await refused(early)).toContain('agent');
      expect(await lab.node.cri.sandboxes()).toEqual([]);
      expect(await lab.leftOnNode()).toEqual({ devices: [], namespaces: [] });
      await lab.startAgent();
      await lab.removePod(await lab.startPod(early));
      await nothingLeft();
    });

    it('gives a sandbox the address that the plugin said, of the node’s range', async () => {
      [web, friend, stranger] = await Promise.all([
        lab.addPod('web', { labels: { app: 'web' }, hostPort: 18_080 }),
        lab.addPod('friend', { labels: { app: 'friend' } }),
        lab.addPod('stranger', { labels: { app: 'stranger' } }),
      ]);
      for (const { name, ip } of [web, friend, stranger]) {
        expect(ip).toMatch(/^10\.244\.1\.\d+$/);
        await expect
          .poll(async () => (await lab.admin().endpoints()).find(({ pod }) => pod === name))
          .toMatchObject({ addresses: [ip], state: 'ready' });
      }
      for (const pod of [friend, stranger])
        await eventually(`${pod.name} is answered`, async () => (await lab.ask(pod, web.ip)) === 'web');
    });

    it('lets pods say what their policies admit, and nothing else', async () => {
      policy('web', {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }] }],
      });
      await eventually('the stranger is shut out', async () => await lab.isSilent(stranger, web.ip));
      await expect.poll(async () => await lab.ask(friend, web.ip)).toBe('web');
      await expect.poll(async () => await lab.ask(stranger, friend.ip)).toBe('friend');
    });

    it('reaches the pod’s port by that of the node, if its policy admits it', async () => {
      const url = `http://${NODE_IP}:18080/`;
      expect(await lab.askFromWorld(url)).toBe('');
      policy('world', {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [{ from: [{ ipBlock: { cidr: '172.18.0.1/32' } }] }],
      });
      await eventually('the world is answered', async () => (await lab.askFromWorld(url)) === 'web');
    });

    it('hears from CHECK that all is well with what it was told, and what is not', async () => {
      expect(await checkPod(lab, web)).toBe('');
      await lab.node.run('nsenter', `--net=${stranger.netns}`, 'ip', 'addr', 'flush', 'dev', 'eth0');
      expect(await checkPod(lab, stranger)).toContain('address');
      await lab.removePod(stranger);
      stranger = await lab.addPod('stranger', { labels: { app: 'stranger' } });
    });

    it('goes on while the agent is away: pods talk, policies hold, pods may go and not come', async () => {
      const going = await lab.addPod('going');
      const late = lab.createPod('late');
      await lab.stopAgent('SIGKILL');
      await expect.poll(async () => await lab.ask(friend, web.ip)).toBe('web');
      expect(await lab.isSilent(stranger, web.ip)).toBe(true);
      expect(await refused(late)).toContain('agent');
      await lab.removePod(going);
      await lab.startAgent();
      await expect.poll(async () => await lab.endpoints()).toEqual(['friend', 'stranger', 'web']);
      await lab.startPod(late);
      expect(await lab.isSilent(late, web.ip)).toBe(true);
      await expect.poll(async () => await lab.ask(friend, web.ip)).toBe('web');
      await lab.removePod(late);
    });

    it('may be killed itself: pods and their policies stay, and what it removes afterwards goes', async () => {
      await lab.node.killContainerd();
      const ask = (pod: CriPod) => lab.curlIn(pod, `http://${web.ip}:8080/`);
      expect(await ask(friend)).toBe('web');
      expect(await ask(stranger)).toBe('');
      await lab.node.startContainerd();
      expect(await lab.node.cri.sandboxStatus(web.sandbox)).toMatchObject({ state: 'SANDBOX_READY', ip: web.ip });
      const after = await lab.addPod('after');
      await lab.removePod(after);
    });

    it('stops a sandbox more than once, whose process or namespace is gone before', async () => {
      const { cri } = lab.node;
      const pod = await lab.addPod('unlucky');
      const netns = pod.netns;
      // Some of them end with the first of them.
      await lab.node.run('sh', '-c', 'kill -9 $(ip netns pids "${1##*/}") || :', 'sh', netns);
      await eventually('its sandbox is down', async () => {
        return (await cri.sandboxStatus(pod.sandbox)).state === 'SANDBOX_NOTREADY';
      });
      await lab.node.run('sh', '-c', 'umount "$1" && rm "$1"', 'sh', netns);
      for (let time = 0; time < 2; time += 1) await cri.stopSandbox(pod.sandbox);
      for (let time = 0; time < 2; time += 1) await cri.removeSandbox(pod.sandbox);
      lab.deletePodObject(pod);
      await eventually('its endpoint is gone', async () => !(await lab.endpoints()).includes('unlucky'));
    });

    it('makes the sandbox of a pod anew, as a kubelet does: the same pod, another attempt', async () => {
      const { cri } = lab.node;
      await cri.stopSandbox(web.sandbox);
      const again = { ...web, config: { ...web.config, metadata: { ...web.config.metadata, attempt: 1 } } };
      await lab.startPod(again);
      await cri.removeSandbox(web.sandbox);
      web = again;
      await eventually('the friend is answered', async () => (await lab.ask(friend, web.ip)) === 'web');
      expect(await lab.isSilent(stranger, web.ip)).toBe(true);
    });

    it('leaves nothing when every sandbox is removed by force, whatever the API says', async () => {
      // What `crictl rmp -f -a` asks.
      for (const { id } of await lab.node.cri.sandboxes()) {
        await lab.node.cri.stopSandbox(id);
        await lab.node.cri.removeSandbox(id);
      }
      expect(await lab.node.cri.sandboxes()).toEqual([]);
      await nothingLeft();
      for (const pod of [web, friend, stranger]) lab.deletePodObject(pod);
      expect(readdirSync(lab.node.path('/var/lib/cni/results'))).toEqual([]);
    });
  },
);
