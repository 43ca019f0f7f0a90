import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { distinct, REFUSED, type Scene } from './scene.ts';
import { lab } from './shared-lab.ts';

const PORT = 54_323;
const WORLD_CLIENT = '172.18.0.1';
const web = (more: { hostIP?: string; hostPort?: number } = {}) => ({
  serves: ['tcp:8080'],
  ports: [{ containerPort: 8080, hostPort: PORT, ...more }],
});

/** Until the host port is in the kernel. */
async function open(scene: Scene, pod: string): Promise<void> {
  await eventually(`${pod} has its port`, async () => {
    const { items } = await lab.api.services();
    const view = items.find(
      (item) => item.namespace === scene.namespace && item.type === 'HostPort' && item.name === pod,
    );
    return view?.state === 'applied' && view.frontends.length > 0 && view.frontends.every(({ served }) => served);
  });
}

describe('a pod with a hostPort', () => {
  it('is reached at the node’s address by the world, pods, the node and itself, and sees who asks', async () => {
    const scene = await lab.scene();
    const [client, own] = await Promise.all([scene.pod('client'), scene.pod('web', web())]);
    await open(scene, 'web');
    const target = `${lab.node.ip}:${PORT}`;
    for (const [place, address] of [
      ['world', WORLD_CLIENT],
      ['client', client],
      ['node', undefined],
      ['web', own],
    ] as const) {
      const { names, clients } = await scene.curl(place, target, { count: 5 });
      expect([place, names.length, distinct(names)]).toEqual([place, 5, ['web']]);
      if (address !== undefined) expect([place, distinct(clients)]).toEqual([place, [address]]);
    }
    // Its own port is not open at the node, and no address but the node's is caught.
    expect((await scene.curl('world', `${lab.node.ip}:8080`)).code).toBe(REFUSED);
    for (const address of ['203.0.113.9', '172.18.0.1', '127.0.0.1']) {
      expect([address, (await scene.curl('client', `${address}:${PORT}`, { seconds: 0.3 })).names]).toEqual([
        address,
        [],
      ]);
    }
    expect((await scene.curl('node', `127.0.0.1:${PORT}`)).code).toBe(REFUSED);
    // It outlives the agent, and ends with the pod.
    await lab.cluster.killAgent('node-1', 'SIGKILL');
    expect((await scene.curl('world', target)).names).toEqual(['web']);
    await lab.cluster.startAgent('node-1');
    await lab.agentReady();
    await open(scene, 'web');
    expect((await scene.curl('world', target)).names).toEqual(['web']);
    await scene.remove('pods', 'web');
    await scene.refused('world', target);
  });

  it('is behind its policies: they judge the client that really asks, by the pod’s own port', async () => {
    const scene = await lab.scene();
    await Promise.all([
      scene.pod('friend', { labels: { role: 'friend' } }),
      scene.pod('stranger'),
      scene.pod('web', { ...web(), labels: { app: 'web' } }),
    ]);
    await open(scene, 'web');
    const target = `${lab.node.ip}:${PORT}`;
    expect((await scene.curl('world', target)).names).toEqual(['web']);
    await scene.allowOnly({ role: 'friend' }, { app: 'web' });
    await scene.unanswered('world', target);
    await scene.unanswered('stranger', target);
    expect((await scene.curl('friend', target)).names).toEqual(['web']);
    expect(await scene.dropped('stranger')).toMatchObject({ destination: { port: 8080 } });
  });

  // Conformance: "validates that there's no conflict between pods with same hostPort but different hostIP and protocol".
  it('does not conflict with others of the same port, another hostIP or another protocol', async () => {
    const scene = await lab.scene();
    const hostIP = lab.node.ip;
    await Promise.all([
      scene.pod('pod1', web({ hostIP: '127.0.0.1' })),
      scene.pod('pod2', web({ hostIP })),
      scene.pod('pod3', {
        serves: ['udp:8080'],
        ports: [{ containerPort: 8080, hostPort: PORT, hostIP, protocol: 'UDP' }],
      }),
      scene.pod('e2e-host-exec', { hostNetwork: true }),
    ]);
    for (const pod of ['pod1', 'pod2', 'pod3']) await open(scene, pod);
    for (const place of ['e2e-host-exec', 'node']) {
      expect((await scene.curl(place, `127.0.0.1:${PORT}`, { from: hostIP })).names).toEqual(['pod1']);
      expect((await scene.curl(place, `127.0.0.1:${PORT}`)).names).toEqual(['pod1']);
      expect((await scene.curl(place, `${hostIP}:${PORT}`)).names).toEqual(['pod2']);
      expect(await scene.dig(place, hostIP, PORT)).toMatch(/^pod3 /);
    }
    expect((await scene.curl('pod2', `127.0.0.1:${PORT}`)).code).toBe(REFUSED);
    expect((await scene.curl('world', `${hostIP}:${PORT}`)).names).toEqual(['pod2']);
    expect(await scene.dig('world', hostIP, PORT)).toBe(`pod3 ${WORLD_CLIENT}`);
  });

  it('waits for a port that another pod has, and never stands before it', async () => {
    const scene = await lab.scene();
    await scene.pod('first', web());
    await open(scene, 'first');
    await scene.pod('second', { ...web(), early: true });
    await eventually('the scheduler says why', async () =>
      (await scene.events('second')).join().includes('free ports'),
    );
    // Past the scheduler the older one keeps it, and the other is told. Of one second's pods the uid decides.
    const { metadata } = (await lab.cluster.get({ resource: 'pods', namespace: scene.namespace, name: 'first' })) ?? {};
    const nextSecond = Date.parse(String(metadata?.creationTimestamp)) + 1_000;
    await eventually('the first is older than any to come', async () => Date.now() >= nextSecond);
    await scene.pod('third', { ...web(), nodeName: 'node-1' });
    await eventually('an event says so', async () =>
      (await scene.events('third')).join().includes(`HostPortTaken: tcp ${lab.node.ip}:${PORT} belongs to pod`),
    );
    await scene.answeredBy('world', `${lab.node.ip}:${PORT}`, ['first']);
    await scene.remove('pods', 'first');
    await scene.answeredBy('world', `${lab.node.ip}:${PORT}`, ['third']);
  });

  it('gives way to a process of the node that takes its port, and has it again afterwards', async () => {
    const scene = await lab.scene();
    const target = `${lab.node.ip}:18081`;
    await Promise.all([scene.pod('early', web({ hostPort: 18_081 })), scene.pod('client')]);
    await open(scene, 'early');
    const answers = async (name: string): Promise<void> => {
      for (const place of ['world', 'node', 'client']) {
        const look = async () => (await scene.curl(place, target)).names.join() === name;
        await eventually(`${place} is answered by ${name}`, look);
      }
    };
    await answers('early');
    await scene.pod('listener', { hostNetwork: true, serves: ['tcp:18081'], env: { NAME: 'listener' } });
    await answers('listener');
    await scene.remove('pods', 'listener');
    await answers('early');
  });

  it('takes nothing from processes of the node, nor from a node port', async () => {
    const scene = await lab.scene();
    await scene.pod('listener', { hostNetwork: true, serves: ['tcp:18080'], env: { NAME: 'listener' } });
    await Promise.all([
      scene.pod('late', web({ hostPort: 18_080 })),
      scene.pod('kubelet', web({ hostPort: 10_250 })),
      scene.pods(['a'], 'good'),
    ]);
    await eventually('both are told', async () => {
      const [late, kubelet] = [await scene.events('late'), await scene.events('kubelet')];
      return late.join().includes('HostPortTaken') && kubelet.join().includes('HostPortRefused');
    });
    for (const place of ['world', 'node', 'a']) {
      expect([place, (await scene.curl(place, `${lab.node.ip}:18080`)).names]).toEqual([place, ['listener']]);
    }
    const { nodePort } = await scene.service('good', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] });
    await scene.served('good', 1);
    await scene.pod('thief', web({ hostPort: nodePort }));
    await eventually('it is told', async () => (await scene.events('thief')).join().includes('HostPortTaken'));
    for (const place of ['world', 'node', 'a']) await scene.answeredBy(place, `${lab.node.ip}:${nodePort}`, ['a']);
  });
});
