import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type Place, REFUSED, type Scene, SILENCE } from './scene.ts';
import { lab } from './shared-lab.ts';

const PORTS = [{ port: 80, targetPort: 8080 }];

/** Never ready, and long on its way out. */
const LATE = { env: { READY: 'no', DRAIN_MS: '30000' }, graceSeconds: 30 };

const node = (port: number): string => `${lab.node.ip}:${port}`;

async function webWith(scene: Scene, spec: Record<string, unknown> = {}) {
  const [service] = await Promise.all([
    scene.service('web', { ports: PORTS, ...spec }),
    scene.pod('client'),
    scene.pods(['a'], 'web'),
  ]);
  return service;
}

/** Until nobody, wherever he is, gets an answer. */
async function nobodyGets(scene: Scene, target: string, places: readonly Place[]): Promise<void> {
  await Promise.all(places.map((place) => scene.unanswered(place, target)));
}

async function everybodyGets(scene: Scene, target: string, places: readonly Place[]): Promise<void> {
  await Promise.all(places.map((place) => scene.answeredBy(place, target, ['a'])));
}

/** The API server's own rows: one address, one port, one backend. */
const OWN = { services: 1, slots: 1, backends: 1 };

const INSIDE = ['client', 'node'] as const;
const ALL = ['client', 'node', 'world'] as const;

describe('the type of a service', () => {
  it('ClusterIP -> NodePort -> ClusterIP: the node port comes and goes, the cluster address never falters', async () => {
    const scene = await lab.scene();
    const { clusterIP } = await webWith(scene);
    await scene.served('web', 1);
    const steady = scene.curl('client', `${clusterIP}:80`, { count: 1_500 });
    const { nodePort, clusterIP: kept } = await scene.patch('web', { type: 'NodePort' });
    expect(kept).toBe(clusterIP);
    expect(nodePort).toBeGreaterThanOrEqual(30_000);
    await everybodyGets(scene, node(nodePort), ALL);
    const changed = await scene.patch('web', { type: 'ClusterIP' });
    expect(changed).toMatchObject({ clusterIP, nodePort: 0 });
    await nobodyGets(scene, node(nodePort), ALL);
    await everybodyGets(scene, `${clusterIP}:80`, INSIDE);
    const { code, names } = await steady;
    expect({ code, answers: names.length }).toEqual({ code: 0, answers: 1_500 });
  });

  it.each(['ClusterIP', 'NodePort'])('ExternalName -> %s -> ExternalName', async (type) => {
    const scene = await lab.scene();
    const external = { type: 'ExternalName', externalName: 'elsewhere.test' };
    const first = await webWith(scene, { ...external, ports: [] });
    expect(first.clusterIP).toBe('');
    expect(await scene.view('web')).toMatchObject({ state: 'ignored', frontends: [], problems: [] });
    const { clusterIP, nodePort } = await scene.patch('web', { type, externalName: null, ports: PORTS });
    const targets: readonly (readonly [string, readonly Place[]])[] = [
      [`${clusterIP}:80`, INSIDE],
      ...(type === 'NodePort' ? [[node(nodePort), ALL] as const] : []),
    ];
    await scene.served('web', 1);
    for (const [target, places] of targets) await everybodyGets(scene, target, places);
    expect(await scene.patch('web', external)).toMatchObject({ clusterIP: '' });
    for (const [target, places] of targets) await nobodyGets(scene, target, places);
    await eventually('nothing of it is in the kernel', async () => (await lab.mapRows('services')) === OWN.services);
  });
});

describe('the node port', () => {
  it('is changed by hand: the old one is free for others, the new one serves', async () => {
    const scene = await lab.scene();
    const { nodePort: old } = await webWith(scene, { type: 'NodePort' });
    await scene.served('web', 1);
    await everybodyGets(scene, node(old), ALL);
    const { nodePort } = await scene.patch('web', { ports: [{ ...PORTS[0], nodePort: 32_001 }] });
    expect(nodePort).toBe(32_001);
    await everybodyGets(scene, node(32_001), ALL);
    await nobodyGets(scene, node(old), ALL);
    await scene.pods(['b'], 'other');
    await scene.service('other', { type: 'NodePort', ports: [{ ...PORTS[0], nodePort: old }] });
    for (const place of ALL) await scene.answeredBy(place, node(old), ['b']);
    // Given back, and given out anew.
    await scene.patch('web', { type: 'ClusterIP' });
    const again = await scene.patch('web', { type: 'NodePort' });
    expect([0, old]).not.toContain(again.nodePort);
    await everybodyGets(scene, node(again.nodePort), ALL);
  });
});

describe('ports and selector', () => {
  it('of a live service change without a gap', async () => {
    const scene = await lab.scene();
    const { clusterIP } = await webWith(scene);
    await scene.pods(['b'], 'next', { serves: ['tcp:9090'] });
    await scene.served('web', 1);
    await scene.patch('web', { ports: [{ port: 81, targetPort: 8080 }] });
    await everybodyGets(scene, `${clusterIP}:81`, INSIDE);
    await nobodyGets(scene, `${clusterIP}:80`, INSIDE);
    await scene.patch('web', { selector: { app: 'next' }, ports: [{ port: 81, targetPort: 9090 }] });
    for (const place of INSIDE) await scene.answeredBy(place, `${clusterIP}:81`, ['b']);
  });
});

describe('deletion', () => {
  it('leaves nothing of a service in the kernel, and nobody is served', async () => {
    const scene = await lab.scene();
    const rows = async () => {
      const [services = 0, slots = 0, backends = 0] = await Promise.all(
        (['services', 'service_slots', 'backends'] as const).map((name) => lab.mapRows(name)),
      );
      return { services, slots, backends };
    };
    const isEmpty = async () => isDeepStrictEqual(await rows(), OWN);
    await eventually('what other tests made is gone', isEmpty);
    const ports = [80, 81, 82].map((port) => ({ name: `p-${port}`, port, targetPort: 8080 }));
    const { clusterIP, nodePort } = await webWith(scene, { type: 'NodePort', ports });
    await scene.served('web', 1);
    await everybodyGets(scene, node(nodePort), ALL);
    // 3 cluster addresses, 3 node ports for the inside and the outside; a set and a backend a port.
    expect(await rows()).toEqual({ services: 9 + 1, slots: 3 + 1, backends: 3 + 1 });
    await scene.remove('services', 'web');
    await nobodyGets(scene, node(nodePort), ALL);
    await nobodyGets(scene, `${clusterIP}:80`, INSIDE);
    await eventually('all rows are gone', isEmpty);
    expect(await scene.view('web')).toBeUndefined();
    expect(await lab.cluster.list('endpointslices', scene.namespace)).toEqual([]);
  });

  it('and a new service of the same name: everything is anew', async () => {
    const scene = await lab.scene();
    const before = await webWith(scene, { type: 'NodePort' });
    await everybodyGets(scene, node(before.nodePort), ALL);
    await scene.remove('services', 'web');
    const after = await scene.service('web', { ports: PORTS });
    expect(after.clusterIP).not.toBe(before.clusterIP);
    await everybodyGets(scene, `${after.clusterIP}:80`, INSIDE);
    await nobodyGets(scene, `${before.clusterIP}:80`, INSIDE);
    await nobodyGets(scene, node(before.nodePort), ALL);
    // What was given back is there for whoever asks for it.
    const { clusterIP, nodePort } = before;
    await scene.service('other', { type: 'NodePort', clusterIP, ports: [{ ...PORTS[0], nodePort }] });
    await scene.pods(['b'], 'other');
    await scene.answeredBy('client', `${clusterIP}:80`, ['b']);
    for (const place of ALL) await scene.answeredBy(place, node(nodePort), ['b']);
  });
});

describe('a service without endpoints', () => {
  it('refuses at once, by TCP and UDP, and serves as soon as there is one', async () => {
    const scene = await lab.scene();
    const ports = [
      { name: 'tcp', protocol: 'TCP', port: 80, targetPort: 8080 },
      { name: 'udp', protocol: 'UDP', port: 80, targetPort: 8080 },
    ];
    const [{ clusterIP, nodePort }] = await Promise.all([
      scene.service('web', { type: 'NodePort', ports }),
      scene.pod('client'),
    ]);
    await eventually('it is known', async () => (await scene.view('web'))?.state === 'applied');
    const inside: readonly (readonly [Place, string, number])[] = [
      ['client', clusterIP, 80],
      ['client', lab.node.ip, nodePort],
      ['node', clusterIP, 80],
      ['node', lab.node.ip, nodePort],
      ['node', '127.0.0.1', nodePort],
    ];
    for (const [place, address, port] of inside) {
      const { code } = await scene.curl(place, `${address}:${port}`);
      expect({ place, address, code }).toEqual({ place, address, code: REFUSED });
      const talker = await scene.talker(place, 'udp', address, port);
      expect(await talker.ask(), `${place} ${address} UDP`).toBe('error ECONNREFUSED');
      talker.end();
    }
    expect([REFUSED, SILENCE]).toContain((await scene.curl('world', node(nodePort), { seconds: 1 })).code);
    await scene.pods(['a'], 'web', { serves: ['tcp:8080', 'udp:8080'] });
    for (const [place, address, port] of [...inside, ['world', lab.node.ip, nodePort] as const]) {
      await scene.answeredBy(place, `${address}:${port}`, ['a']);
      expect(await scene.dig(place, address, port)).toMatch(/^a /);
    }
  });
});

describe('readiness', () => {
  it('takes a pod out of the service and back in', async () => {
    const scene = await lab.scene();
    const { clusterIP, nodePort } = await webWith(scene, { type: 'NodePort' });
    const b = await scene.pod('b', { serves: ['tcp:8080'], labels: { app: 'web' }, probe: 8080 });
    await scene.served('web', 2);
    const become = async (what: string) => {
      await scene.curl('node', `${b}:8080/become/${what}`);
    };
    for (let round = 0; round < 2; round += 1) {
      for (const [place, target] of [
        ['client', `${clusterIP}:80`],
        ['world', node(nodePort)],
      ] as const) {
        await scene.answeredBy(place, target, ['a', 'b']);
      }
      await become('unready');
      await scene.served('web', 1);
      await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
      await scene.answeredBy('world', node(nodePort), ['a']);
      expect((await scene.curl('client', `${b}:8080`)).names, 'it lives').toEqual(['b']);
      await become('ready');
      await scene.served('web', 2);
    }
  });

  it('does not matter to a service that publishes addresses which are not ready', async () => {
    const scene = await lab.scene();
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports: PORTS }),
      scene.pod('client'),
      scene.pod('a', { serves: ['tcp:8080'], labels: { app: 'web' }, probe: 8080, ...LATE, early: true }),
    ]);
    await eventually('the pod runs', async () => (await scene.podIp('a')) !== '');
    await eventually('its server listens', async () => {
      return (await scene.curl('client', `${await scene.podIp('a')}:8080`)).code === 0;
    });
    expect((await scene.curl('client', `${clusterIP}:80`)).code).toBe(REFUSED);
    await scene.patch('web', { publishNotReadyAddresses: true });
    await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
    // On its way out, too.
    await scene.remove('pods', 'a', 30);
    await eventually('it is terminating', async () =>
      JSON.stringify(await lab.cluster.list('endpointslices', scene.namespace)).includes('"terminating":true'),
    );
    await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
    await scene.patch('web', { publishNotReadyAddresses: false });
    await scene.refused('client', `${clusterIP}:80`);
  });
});
