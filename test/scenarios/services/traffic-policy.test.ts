import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { useLab } from './lab.ts';
import { REFUSED, type Scene, SILENCE } from './scene.ts';

/** Addresses of services that nobody has, which the world sends to the node. */
const RANGE = '192.0.2.0/24';
const lab = useLab({ agentConfig: { serviceAddressRanges: [RANGE] } });
const PORTS = [{ port: 80, targetPort: 8080 }];
const CLIENT = '198.51.100.7';

/** A service whose slice says on which node each pod is. */
async function placed(scene: Scene, spec: Record<string, unknown>, nodes: Readonly<Record<string, string>>) {
  const [service, , ...addresses] = await Promise.all([
    scene.service('web', { selector: null, ports: PORTS, ...spec }),
    scene.pod('client'),
    ...Object.keys(nodes).map((name) => scene.pod(name, { serves: ['tcp:8080'] })),
  ]);
  const put = async (where: Readonly<Record<string, string>>): Promise<void> => {
    const endpoints = Object.entries(where).map(([name, nodeName], i) => ({
      addresses: [addresses[Object.keys(nodes).indexOf(name)] ?? `no address ${i}`],
      nodeName,
      targetRef: { kind: 'Pod', namespace: scene.namespace, name },
    }));
    await scene.slice('web-1', 'web', endpoints, [{ port: 8080, protocol: 'TCP' }]);
  };
  await put(nodes);
  await scene.served('web', Object.keys(nodes).length);
  return { service, put };
}

describe('internalTrafficPolicy Local', () => {
  it('serves from this node, or not at all', async () => {
    const scene = await lab.scene();
    const { service, put } = await placed(scene, {}, { here: 'node-1', there: 'node-2' });
    const target = `${service.clusterIP}:80`;
    const places = ['client', 'node'] as const;
    for (const place of places) await scene.answeredBy(place, target, ['here', 'there']);
    await scene.patch('web', { internalTrafficPolicy: 'Local' });
    for (const place of places) await scene.answeredBy(place, target, ['here']);
    expect((await scene.view('web'))?.steering).toEqual(['internal Local']);
    await put({ there: 'node-2' });
    for (const place of places) await scene.refused(place, target);
    await scene.patch('web', { internalTrafficPolicy: 'Cluster' });
    for (const place of places) await scene.answeredBy(place, target, ['there']);
  });
});

describe('externalTrafficPolicy Local', () => {
  it("serves the world from this node, with the client's address; the inside from everywhere", async () => {
    const scene = await lab.scene();
    const { service } = await placed(
      scene,
      { type: 'NodePort', externalTrafficPolicy: 'Local' },
      { here: 'node-1', there: 'node-2' },
    );
    const target = `${lab.node.ip}:${service.nodePort}`;
    await scene.answeredBy('world', target, ['here']);
    const answer = await scene.curl('world', target, { from: CLIENT });
    expect(answer).toMatchObject({ code: 0, names: ['here'], clients: [CLIENT] });
    await scene.answeredBy('client', target, ['here', 'there']);
    await scene.answeredBy('client', `${service.clusterIP}:80`, ['here', 'there']);
  });

  it('gives the world nothing where this node has nobody', async () => {
    const scene = await lab.scene();
    const spec = { type: 'NodePort', externalTrafficPolicy: 'Local' };
    const { service, put } = await placed(scene, spec, { here: 'node-1' });
    const target = `${lab.node.ip}:${service.nodePort}`;
    await scene.answeredBy('world', target, ['here']);
    await put({ here: 'node-2' });
    expect([REFUSED, SILENCE]).toContain(await scene.unanswered('world', target));
    await scene.patch('web', { externalTrafficPolicy: 'Cluster' });
    await scene.answeredBy('world', target, ['here']);
  });

  it('tells load balancers by its health port whether to send anything here', async () => {
    const scene = await lab.scene();
    const [service] = await Promise.all([
      scene.service('web', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: PORTS }),
      scene.pod('client'),
      scene.pods(['a', 'b'], 'web'),
    ]);
    await scene.served('web', 2);
    const health = async (): Promise<string> => {
      const url = `http://${lab.node.ip}:${service.healthPort}/healthz`;
      const { stdout } = await scene.run('world', ['curl', '-s', '-m', '10', '-w', '\n%{http_code}', url]);
      const [body = '', status = ''] = stdout.split('\n');
      return `${status} ${body === '' ? '' : (JSON.parse(body) as { localEndpoints: number }).localEndpoints}`;
    };
    await eventually('both are there', async () => (await health()) === '200 2');
    await scene.remove('pods', 'a');
    await eventually('one is left', async () => (await health()) === '200 1');
    await scene.remove('pods', 'b');
    await eventually('nobody is left', async () => (await health()) === '503 0');
    await scene.pods(['c'], 'web');
    await eventually('there is somebody', async () => (await health()) === '200 1');
    await scene.patch('web', { externalTrafficPolicy: 'Cluster' });
    await eventually('nobody asks any more', async () => (await health()).startsWith('000'));
  });
});

describe('addresses from outside', () => {
  it.each(['an externalIP', 'a load balancer'])('%s within the configured ranges is served', async (kind) => {
    const scene = await lab.scene();
    const address = '192.0.2.9';
    const isBalanced = kind === 'a load balancer';
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports: PORTS, ...(isBalanced ? { type: 'LoadBalancer' } : { externalIPs: [address] }) }),
      scene.pod('client'),
      scene.pods(['a'], 'web'),
    ]);
    if (isBalanced) {
      const key = { namespace: scene.namespace, name: 'web' };
      lab.cluster.store.patchStatus('services', key, { loadBalancer: { ingress: [{ ip: address }] } });
    }
    await scene.served('web', 1);
    await scene.run('world', ['ip', 'route', 'add', RANGE, 'via', lab.node.ip]);
    try {
      for (const place of ['client', 'node', 'world']) {
        await scene.answeredBy(place, `${address}:80`, ['a']);
      }
      const { clients } = await scene.curl('world', `${address}:80`, { from: CLIENT });
      expect(clients).toEqual([CLIENT]);
      await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
    } finally {
      await scene.run('world', ['ip', 'route', 'del', RANGE]);
    }
  });
});
