import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { distinct, type Place, REFUSED, type Scene, SILENCE } from './scene.ts';
import { lab } from './shared-lab.ts';
import { nameIn } from './talker.ts';

const WORLD_CLIENT = '172.18.0.1';

/** Three backends of a service on 80 that listen on 8080, and a pod that is none of them. */
async function threeBackends(scene: Scene, spec: Record<string, unknown> = {}) {
  const [service, client, ...backends] = await Promise.all([
    scene.service('web', { ports: [{ port: 80, targetPort: 8080 }], ...spec }),
    scene.pod('client'),
    ...['a', 'b', 'c'].map((name) => scene.pod(name, { serves: ['tcp:8080'], labels: { app: 'web' } })),
  ]);
  await scene.served('web', 3);
  return { service, client, backends };
}

describe('a ClusterIP', () => {
  it('is served by all backends, each client with its own address', async () => {
    const scene = await lab.scene();
    const { service, client } = await threeBackends(scene);
    const answers = await scene.curl('client', `${service.clusterIP}:80`, { count: 60 });
    expect(distinct(answers.names)).toEqual(['a', 'b', 'c']);
    expect({ code: answers.code, answers: answers.names.length }).toEqual({ code: 0, answers: 60 });
    expect(distinct(answers.clients)).toEqual([client]);
    const fromNode = await scene.curl('node', `${service.clusterIP}:80`, { count: 60 });
    expect(distinct(fromNode.names)).toEqual(['a', 'b', 'c']);
  });

  it.each(['client', 'node'])('is whom %s thinks it talks to, by IPv4 and by IPv6 sockets alike', async (place) => {
    const scene = await lab.scene();
    const ports = [
      { name: 'tcp', protocol: 'TCP', port: 80, targetPort: 8080 },
      { name: 'udp', protocol: 'UDP', port: 80, targetPort: 8080 },
    ];
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports }),
      scene.pod('client'),
      scene.pod('a', { serves: ['tcp:8080', 'udp:8080'], labels: { app: 'web' } }),
    ]);
    await scene.served('web', 2);
    await scene.answeredBy(place, `[::ffff:${clusterIP}]:80`, ['a']);
    const kinds = [
      ['tcp', clusterIP],
      ['tcp', `::ffff:${clusterIP}`],
      ['udp', clusterIP],
      ['udp6', `::ffff:${clusterIP}`],
      ['udp-connected', clusterIP],
    ] as const;
    for (const [kind, address] of kinds) {
      const talker = await scene.talker(place, kind, address, 80);
      const answer = await talker.ask();
      expect([kind, nameIn(answer), / from (.*)$/.exec(answer)?.[1]]).toEqual([kind, 'a', `${address}:80`]);
      talker.end();
    }
  });

  it('answers on its own ports only, and not to the world', async () => {
    const scene = await lab.scene();
    const { service } = await threeBackends(scene);
    for (const place of ['client', 'node']) {
      expect((await scene.curl(place, `${service.clusterIP}:8080`)).code, place).not.toBe(0);
    }
    await scene.run('world', ['ip', 'route', 'add', `${service.clusterIP}/32`, 'via', lab.node.ip]);
    try {
      expect((await scene.curl('world', `${service.clusterIP}:80`)).names).toEqual([]);
    } finally {
      await scene.run('world', ['ip', 'route', 'del', `${service.clusterIP}/32`]);
    }
  });
});

describe('a headless service', () => {
  it('has nothing in the kernel; its pods are reached by their own addresses', async () => {
    const scene = await lab.scene();
    const [service, , a] = await Promise.all([
      scene.service('web', { clusterIP: 'None', ports: [{ port: 80, targetPort: 8080 }] }),
      scene.pod('client'),
      scene.pod('a', { serves: ['tcp:8080'], labels: { app: 'web' } }),
    ]);
    expect(service.clusterIP).toBe('None');
    const slices = await lab.cluster.list('endpointslices', scene.namespace);
    expect(JSON.stringify(slices)).toContain(a);
    expect(await scene.view('web')).toMatchObject({ state: 'ignored', frontends: [], problems: [] });
    // The API server's own, once what other tests made is gone.
    await eventually('nothing of it is in the kernel', async () => (await lab.mapRows('services')) === 1);
    expect((await scene.curl('client', `${a}:8080`)).names).toEqual(['a']);
  });
});

describe('a NodePort', () => {
  it('answers pods, processes of the node and the world, on every address of the node', async () => {
    const scene = await lab.scene();
    const { service, client } = await threeBackends(scene, { type: 'NodePort' });
    const targets: readonly (readonly [Place, string])[] = [
      ['client', lab.node.ip],
      ['node', lab.node.ip],
      ['node', '127.0.0.1'],
      ['node', '127.1.2.3'],
      ['world', lab.node.ip],
    ];
    for (const [place, address] of targets) {
      const answers = await scene.curl(place, `${address}:${service.nodePort}`, { count: 40 });
      expect([place, address, distinct(answers.names)]).toEqual([place, address, ['a', 'b', 'c']]);
      expect(answers.names, `${place} ${address}`).toHaveLength(40);
      if (place === 'client') expect(distinct(answers.clients)).toEqual([client]);
      if (place === 'world') expect(distinct(answers.clients)).toEqual([WORLD_CLIENT]);
    }
    expect((await scene.curl('client', `${service.clusterIP}:80`)).code).toBe(0);
  });

  it("is nobody else's loopback", async () => {
    const scene = await lab.scene();
    const { service } = await threeBackends(scene, { type: 'NodePort' });
    expect((await scene.curl('client', `127.0.0.1:${service.nodePort}`)).code).toBe(REFUSED);
    expect((await scene.curl('a', `127.0.0.1:${service.nodePort}`)).code).toBe(REFUSED);
  });

  it('cannot be taken by a process of the node', async () => {
    const scene = await lab.scene();
    const { service } = await threeBackends(scene, { type: 'NodePort' });
    const listen = (port: number, seconds: number) =>
      scene.run('node', ['timeout', String(seconds), 'socat', `TCP-LISTEN:${port}`, 'STDOUT']);
    const [taken, free] = await Promise.all([listen(service.nodePort, 60), listen(29_999, 0.5)]);
    expect(taken.stderr).toContain('Address already in use');
    expect(free.stderr).toBe('');
  });
});

describe('ports', () => {
  it('a name means what each pod says it means', async () => {
    const scene = await lab.scene();
    const [service] = await Promise.all([
      scene.service('web', { ports: [{ port: 80, targetPort: 'http' }] }),
      scene.pod('client'),
      ...[8080, 9090].map((port) =>
        scene.pod(`on-${port}`, {
          serves: [`tcp:${port}`],
          labels: { app: 'web' },
          ports: [{ name: 'http', containerPort: port }],
        }),
      ),
      scene.pod('without', { serves: ['tcp:8080'], labels: { app: 'web' } }),
    ]);
    await scene.served('web', 2);
    const { names } = await scene.curl('client', `${service.clusterIP}:80`, { count: 40 });
    expect(names).toHaveLength(40);
    expect(distinct(names)).toEqual(['on-8080', 'on-9090']);
  });

  it('of one service are each their own', async () => {
    const scene = await lab.scene();
    const ports = [
      { name: 'one', port: 80, targetPort: 8080 },
      { name: 'two', port: 81, targetPort: 8081 },
    ];
    const [service] = await Promise.all([
      scene.service('web', { type: 'NodePort', ports }),
      scene.pod('client'),
      scene.pod('a', { serves: ['tcp:8080'], labels: { app: 'web' } }),
      scene.pod('b', { serves: ['tcp:8080', 'tcp:8081'], labels: { app: 'web' } }),
    ]);
    await scene.served('web', 4);
    const one = await scene.curl('client', `${service.clusterIP}:80`, { count: 40 });
    expect({ code: one.code, names: distinct(one.names) }).toEqual({ code: 0, names: ['a', 'b'] });
    // Where a does not listen, its refusals are its own.
    const two = await scene.curl('client', `${service.clusterIP}:81`, { count: 40 });
    expect(distinct(two.names)).toEqual(['b']);
    expect(two.names.length).toBeLessThan(40);
  });

  it('of TCP and UDP with one number are two: asked by a DNS client', async () => {
    const scene = await lab.scene();
    const ports = [
      { name: 'udp', protocol: 'UDP', port: 53, targetPort: 'dns' },
      { name: 'tcp', protocol: 'TCP', port: 53, targetPort: 'dns' },
    ];
    const pod = (name: string, serves: string, protocol: string) =>
      scene.pod(name, {
        serves: [serves],
        labels: { app: 'dns' },
        ports: [{ name: 'dns', containerPort: 5300, protocol }],
      });
    const [service] = await Promise.all([
      scene.service('dns', { type: 'NodePort', ports }),
      scene.pod('client'),
      pod('over-udp', 'udp:5300', 'UDP'),
      pod('over-tcp', 'tcp:5300', 'TCP'),
    ]);
    expect((await scene.served('dns', 2)).frontends.map(({ kind, port }) => `${kind} ${port}`).toSorted()).toEqual([
      `ClusterIP 53`,
      `ClusterIP 53`,
      `NodePort ${service.nodePort}`,
      `NodePort ${service.nodePort}`,
    ]);
    const targets: readonly (readonly [Place, string, number])[] = [
      ['client', service.clusterIP, 53],
      ['client', lab.node.ip, service.nodePort],
      ['node', service.clusterIP, 53],
      ['node', '127.0.0.1', service.nodePort],
      ['world', lab.node.ip, service.nodePort],
    ];
    for (const [place, address, port] of targets) {
      expect(await scene.dig(place, address, port), `${place} ${address} UDP`).toMatch(/^over-udp /);
      expect(await scene.dig(place, address, port, '+tcp'), `${place} ${address} TCP`).toMatch(/^over-tcp /);
    }
  });
});

describe("a backend in its node's network", () => {
  it('serves pods, processes of the node and the world', async () => {
    const scene = await lab.scene();
    const [service, client] = await Promise.all([
      scene.service('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 18_080 }] }),
      scene.pod('client'),
      scene.pod('host', { serves: ['tcp:18080'], labels: { app: 'web' }, hostNetwork: true, env: { NAME: 'host' } }),
    ]);
    await scene.served('web', 1);
    const targets: readonly (readonly [Place, string])[] = [
      ['client', `${service.clusterIP}:80`],
      ['client', `${lab.node.ip}:${service.nodePort}`],
      ['node', `${service.clusterIP}:80`],
      ['node', `127.0.0.1:${service.nodePort}`],
      ['world', `${lab.node.ip}:${service.nodePort}`],
    ];
    for (const [place, target] of targets) await scene.answeredBy(place, target, ['host']);
    expect((await scene.curl('client', `${service.clusterIP}:80`)).clients).toEqual([client]);
    expect((await scene.view('web'))?.problems).toEqual([]);
  });
});

describe('a pod that is its own backend', () => {
  it('reaches itself by its ClusterIP and its NodePort, by TCP and UDP, whatever policy isolates it', async () => {
    const scene = await lab.scene();
    const ports = [
      { name: 'tcp', protocol: 'TCP', port: 80, targetPort: 8080 },
      { name: 'udp', protocol: 'UDP', port: 80, targetPort: 8080 },
    ];
    const [service, own] = await Promise.all([
      scene.service('web', { type: 'NodePort', ports }),
      scene.pod('self', { serves: ['tcp:8080', 'udp:8080'], labels: { app: 'web' } }),
      scene.pod('other'),
      scene.allowOnly({ app: 'nobody' }, {}),
    ]);
    await scene.served('web', 2);
    const targets = [
      [service.clusterIP, 80],
      [lab.node.ip, service.nodePort],
    ] as const;
    for (const [address, port] of targets) {
      const answer = await scene.curl('self', `${address}:${port}`);
      expect(answer).toMatchObject({ code: 0, names: ['self'], clients: [own] });
      expect((await scene.curl('other', `${address}:${port}`, { seconds: 1 })).code, 'the policy is in force').toBe(
        SILENCE,
      );
    }
    const talker = await scene.talker('self', 'udp', service.clusterIP, 80);
    expect(await talker.ask()).toMatch(new RegExp(`^answer self ${own}:\\d+ from ${service.clusterIP}:80$`));
    expect(await scene.dig('self', service.clusterIP, 80)).toBe(`self ${own}`);
  });
});

describe('policy', () => {
  it.each(['ClusterIP', 'NodePort'])('judges client and backend of a connection through a %s', async (path) => {
    const scene = await lab.scene();
    const [service, , strangerIp, backendIp] = await Promise.all([
      scene.service('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] }),
      scene.pod('friend', { labels: { role: 'friend' } }),
      scene.pod('stranger', { labels: { role: 'stranger' } }),
      scene.pod('backend', { serves: ['tcp:8080', 'udp:8080'], labels: { app: 'web' } }),
      scene.allowOnly({ role: 'friend' }, { app: 'web' }),
    ]);
    await scene.served('web', 1);
    const target = path === 'ClusterIP' ? `${service.clusterIP}:80` : `${lab.node.ip}:${service.nodePort}`;
    expect(await scene.curl('friend', target)).toMatchObject({ code: 0, names: ['backend'] });
    expect(await scene.curl('stranger', target, { seconds: 1 })).toMatchObject({ code: SILENCE, names: [] });
    if (path === 'NodePort') expect((await scene.curl('world', target, { seconds: 1 })).code).toBe(SILENCE);
    const flow = await scene.dropped('stranger');
    expect(flow).toMatchObject({
      dropReason: 'policy-ingress',
      source: { addr: strangerIp, namespace: scene.namespace, pod: 'stranger' },
      destination: { addr: backendIp, port: 8080, namespace: scene.namespace, pod: 'backend' },
    });
  });
});
