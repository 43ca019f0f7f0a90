import { expect, it } from 'vitest';
import { distinct, REFUSED } from './scene.ts';
import { lab } from './shared-lab.ts';

const WORLD_SERVER = '198.51.100.77';

/** kubernetes#111929: a Service without a selector, and Endpoints that somebody wrote by hand. */
it('Endpoints written by hand are served, followed and taken away, for pods, the node and the world', async () => {
  const scene = await lab.scene();
  const ports = [{ port: 80, targetPort: 8080, name: 'http' }];
  const [a = '', b = ''] = await scene.pods(['a', 'b'], 'web');
  const [{ clusterIP, nodePort }] = await Promise.all([
    scene.service('legacy', { type: 'NodePort', ports, selector: undefined }),
    scene.pod('client'),
  ]);
  const write = async (addresses: readonly string[], notReady: readonly string[] = []) => {
    const ips = (list: readonly string[]) => list.map((ip) => ({ ip }));
    const subset = {
      addresses: ips(addresses),
      notReadyAddresses: ips(notReady),
      ports: [{ name: 'http', port: 8080 }],
    };
    await scene.apply('v1', 'Endpoints', { subsets: [subset] }, { name: 'legacy' });
  };
  await scene.served('legacy', 0);
  expect((await scene.curl('client', `${clusterIP}:80`)).code).toBe(REFUSED);

  await write([a]);
  await scene.served('legacy', 1);
  await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
  await scene.answeredBy('node', `${clusterIP}:80`, ['a']);
  await scene.answeredBy('world', `${lab.node.ip}:${nodePort}`, ['a']);

  // The mirror, not somebody's copy: it is followed, and its owner is the Endpoints object.
  await write([b], [a]);
  await scene.answeredBy('client', `${clusterIP}:80`, ['b']);
  await scene.answeredBy('world', `${lab.node.ip}:${nodePort}`, ['b']);
  const slices = await lab.cluster.list('endpointslices', scene.namespace);
  const own = slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 'legacy');
  expect(
    distinct(own.map(({ metadata }) => metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')),
  ).toEqual(['endpointslicemirroring-controller.k8s.io']);

  await scene.remove('endpoints', 'legacy');
  await scene.served('legacy', 0);
  expect((await scene.curl('client', `${clusterIP}:80`)).code).toBe(REFUSED);
});

it('a policy holds for who is behind Endpoints, and a server outside is reached through them', async () => {
  const scene = await lab.scene();
  const [web = ''] = await scene.pods(['web'], 'web');
  const ports = [{ port: 80, targetPort: 8080 }];
  const [inside, outside] = await Promise.all([
    scene.service('inside', { ports, selector: undefined }),
    scene.service('outside', { ports, selector: undefined }),
    scene.pod('friend', { labels: { role: 'friend' } }),
    scene.pod('stranger'),
    scene.allowOnly({ role: 'friend' }, { app: 'web' }),
  ]);
  const write = async (name: string, ip: string) =>
    await scene.apply('v1', 'Endpoints', { subsets: [{ addresses: [{ ip }], ports: [{ port: 8080 }] }] }, { name });
  await Promise.all([write('inside', web), write('outside', WORLD_SERVER)]);
  await Promise.all([scene.served('inside', 1), scene.served('outside', 1)]);

  await scene.answeredBy('friend', `${inside.clusterIP}:80`, ['web']);
  expect((await scene.curl('stranger', `${inside.clusterIP}:80`, { seconds: 1 })).names).toEqual([]);
  expect(await scene.dropped('stranger')).toMatchObject({ dropReason: 'policy-ingress' });
  // Whoever it is outside: the packet goes there and nowhere else.
  await lab.cluster.worldExec(['ip', 'addr', 'add', `${WORLD_SERVER}/32`, 'dev', 'lo']);
  const refused = await scene.curl('friend', `${outside.clusterIP}:80`);
  await lab.cluster.worldExec(['ip', 'addr', 'del', `${WORLD_SERVER}/32`, 'dev', 'lo']);
  expect(refused.code).toBe(REFUSED);
});
