import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { attempt } from '../../../src/sandbox/machine/command.ts';
import { eventually } from './eventually.ts';
import type { Scene } from './scene.ts';
import { lab } from './shared-lab.ts';

const PORTS = [{ port: 80, targetPort: 8080 }];

/** A service that must be served whatever is done beside it. */
async function bystander(scene: Scene) {
  const [{ clusterIP }] = await Promise.all([
    scene.service('good', { ports: PORTS }),
    scene.pod('client'),
    scene.pods(['a', 'b'], 'good'),
  ]);
  await scene.served('good', 2);
  return { target: `${clusterIP}:80`, clusterIP };
}

/** CPU time of the agent so far, in ms. */
async function agentCpuMs(): Promise<number> {
  const pid = await lab.cluster.agentPid('node-1');
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  // User and system, in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

describe('the API server refuses', () => {
  it.each([
    ['port 0', { ports: [{ port: 0 }] }, 'spec.ports[0].port'],
    ['a port out of range', { ports: [{ port: 65_536 }] }, 'spec.ports[0].port'],
    ['a target port out of range', { ports: [{ port: 80, targetPort: 70_000 }] }, 'spec.ports[0].targetPort'],
    ['a node port out of range', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }, 'range of valid ports'],
    [
      'a port twice',
      {
        ports: [
          { name: 'x', port: 80 },
          { name: 'y', port: 80 },
        ],
      },
      'Duplicate value',
    ],
    ['a cluster address outside of its range', { clusterIP: '172.18.0.2', ports: PORTS }, 'not in the valid range'],
    ['a cluster address that is none', { clusterIP: '10.96.0.300', ports: PORTS }, 'must be a valid IP'],
    ['an external address in 127/8', { externalIPs: ['127.0.0.1'], ports: PORTS }, 'loopback range'],
    ['a protocol that there is not', { ports: [{ port: 80, protocol: 'tcp' }] }, 'Unsupported value'],
  ])('%s', async (_what, spec, says) => {
    const scene = await lab.scene();
    await expect(scene.service('bad', spec)).rejects.toThrow(says);
  });

  it('a node port and a cluster address that another service has', async () => {
    const scene = await lab.scene();
    const { nodePort, clusterIP } = await scene.service('first', { type: 'NodePort', ports: PORTS });
    const second = { type: 'NodePort', ports: [{ ...PORTS[0], nodePort }] };
    await expect(scene.service('second', second)).rejects.toThrow('already allocated');
    await expect(scene.service('second', { clusterIP, ports: PORTS })).rejects.toThrow('already allocated');
    const twice = [
      { name: 'x', port: 80, nodePort: 31_111 },
      { name: 'y', port: 81, nodePort: 31_111 },
    ];
    await expect(scene.service('third', { type: 'NodePort', ports: twice })).rejects.toThrow('already allocated');
  });

  it.each(['../escape', '$(reboot)', '\u001b[31mred', 'UPPER', '1st', 'a'.repeat(64), ''])(
    'a service with the name %j',
    async (name) => {
      const scene = await lab.scene();
      await expect(scene.service(name, { ports: PORTS })).rejects.toMatchObject({ code: 'E_SANDBOX_MANIFEST' });
    },
  );

  it.each(['127.0.0.1', '169.254.169.254', '224.0.0.1', '0.0.0.0', 'fe80::1', 'localhost'])(
    'an endpoint %s',
    async (address) => {
      const scene = await lab.scene();
      const slice = scene.slice('s', 'web', [{ addresses: [address] }], [{ port: 80, protocol: 'TCP' }]);
      await expect(slice).rejects.toMatchObject({ code: 'E_SANDBOX_MANIFEST' });
    },
  );
});

describe('slices that claim what is not theirs', () => {
  it.each([
    ["a node's address (CVE-2021-25737)", () => lab.node.ip, 'EndpointRefused'],
    ['a multicast address', () => '239.1.2.3', 'EndpointRefused'],
    ['the broadcast address', () => '255.255.255.255', 'EndpointRefused'],
  ])('%s is refused, and said so; the rest is served', async (_what, address, reason) => {
    const scene = await lab.scene();
    const [service, , a] = await Promise.all([
      scene.service('web', { selector: null, ports: PORTS }),
      scene.pod('client'),
      scene.pod('a', { serves: ['tcp:8080'] }),
    ]);
    // What a connection to the refused address would reach, if it were made.
    await scene.slice('web-1', 'web', [{ addresses: [address()] }, { addresses: [a] }], [{ port: 8080 }]);
    await scene.served('web', 1);
    await scene.answeredBy('client', `${service.clusterIP}:80`, ['a']);
    expect((await scene.view('web'))?.problems).toEqual([
      { reason, message: expect.stringContaining(address()) as string },
    ]);
    await eventually('an event says so', async () =>
      (await scene.events('web')).some((text) => text.startsWith(`${reason}: `) && text.includes(address())),
    );
  });

  it("of another namespace's pod lead to it where its policy lets them, and are pointed out (CVE-2021-25740)", async () => {
    const [mine, others] = [await lab.scene(), await lab.scene()];
    const [service, victim] = await Promise.all([
      mine.service('web', { selector: null, ports: PORTS }),
      others.pod('victim', { serves: ['tcp:8080'], labels: { app: 'victim' } }),
      others.pod('friend', { labels: { role: 'friend' } }),
      mine.pod('thief', { labels: { role: 'friend' } }),
      others.allowOnly({ role: 'friend' }, { app: 'victim' }),
    ]);
    const targetRef = { kind: 'Pod', namespace: others.namespace, name: 'victim' };
    await mine.slice('web-1', 'web', [{ addresses: [victim], targetRef }], [{ port: 8080 }]);
    await mine.served('web', 1);
    expect((await mine.curl('thief', `${service.clusterIP}:80`)).names).toEqual([]);
    expect((await mine.dropped('thief')).dropReason).toBe('policy-ingress');
    expect((await others.curl('friend', `${service.clusterIP}:80`)).names).toEqual(['victim']);
    expect((await mine.view('web'))?.problems).toMatchObject([{ reason: 'EndpointOfOtherNamespace' }]);
    await eventually('an event says so', async () => (await mine.events('web')).join().includes('EndpointOfOther'));
  });

  it('of no service, or of one in another namespace, do nothing', async () => {
    const [mine, others] = [await lab.scene(), await lab.scene()];
    const { target } = await bystander(others);
    const thief = await mine.pod('thief', { serves: ['tcp:8080'] });
    const before = await lab.mapRows('backends');
    await mine.slice('orphan', 'nobody', [{ addresses: [thief] }], [{ port: 8080 }]);
    // The same name as the other tenant's service: names are within a namespace.
    await mine.slice('good-1', 'good', [{ addresses: [thief] }], [{ port: 8080 }]);
    await mine.service('marker', { ports: PORTS });
    await eventually('all was heard', async () => (await mine.view('marker'))?.state === 'applied');
    // Rows of other tests may still have gone meanwhile.
    expect(await lab.mapRows('backends')).toBeLessThanOrEqual(before);
    await others.answeredBy('client', target, ['a', 'b']);
    // A service that comes later takes the slice that waited for it.
    const late = await mine.service('nobody', { selector: null, ports: PORTS });
    await mine.answeredBy('thief', `${late.clusterIP}:80`, ['thief']);
  });

  it('externalIPs outside of the configured ranges capture nothing (CVE-2020-8554)', async () => {
    const scene = await lab.scene();
    const [, client] = await Promise.all([
      scene.service('web', { externalIPs: ['198.51.100.1'], ports: PORTS }),
      scene.pod('client'),
      scene.pods(['a'], 'web'),
    ]);
    expect(client).not.toBe('');
    await scene.served('web', 1);
    expect((await scene.curl('client', '198.51.100.1:80')).names).toEqual([]);
    expect((await scene.view('web'))?.problems).toMatchObject([{ reason: 'ExternalIPRefused' }]);
    await eventually('an event says so', async () => (await scene.events('web')).join().includes('ExternalIPRefused'));
  });
});

describe('too much', () => {
  it('5,000 endpoints of one service: it and others are served', async () => {
    const scene = await lab.scene();
    const { target } = await bystander(scene);
    const [a] = await Promise.all([scene.podIp('a'), scene.service('many', { selector: null, ports: PORTS })]);
    for (let part = 0; part < 50; part += 1) {
      const endpoints = Array.from({ length: 100 }, (_, i) => ({ addresses: [`10.250.${part}.${i + 1}`] }));
      await scene.slice(`many-${part}`, 'many', endpoints, [{ port: 8080 }]);
    }
    await eventually('all are there', async () => {
      const view = await scene.view('many');
      return view?.state === 'applied' && view.backendCount === 5_000;
    });
    expect((await scene.view('many'))?.problems).toEqual([]);
    await scene.answeredBy('client', target, ['a', 'b']);
    // The large one becomes small, and works.
    for (let part = 1; part < 50; part += 1) await scene.remove('endpointslices', `many-${part}`);
    await scene.slice('many-0', 'many', [{ addresses: [a] }], [{ port: 8080 }]);
    const { clusterIP } = await scene.read('many');
    await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
  });

  it('a backend that flaps 100 times a second: others are served, its own service too, and the agent stays calm', async () => {
    const scene = await lab.scene();
    const { target } = await bystander(scene);
    const [{ clusterIP }, a, b] = await Promise.all([
      scene.service('flaps', { selector: null, ports: PORTS }),
      scene.podIp('a'),
      scene.podIp('b'),
    ]);
    const put = async (isThere: boolean): Promise<void> => {
      const endpoints = [{ addresses: [a] }, { addresses: [b], conditions: { ready: isThere } }];
      await scene.slice('flaps-1', 'flaps', endpoints, [{ port: 8080 }]);
    };
    await put(true);
    await scene.served('flaps', 2);
    const stop = new AbortController();
    let flaps = 0;
    const flapping = (async () => {
      const begin = Date.now();
      while (!stop.signal.aborted) {
        await put(flaps % 2 === 0);
        flaps += 1;
        await sleep(Math.max(0, begin + flaps * 10 - Date.now()));
      }
      return (flaps * 1_000) / (Date.now() - begin);
    })();
    const [cpu, begin] = [await agentCpuMs(), Date.now()];
    const own = scene.curl('client', `${clusterIP}:80`, { count: 400 });
    while (flaps < 300) {
      const { names, code } = await scene.curl('client', target, { count: 100 });
      expect({ code, answers: names.length }).toEqual({ code: 0, answers: 100 });
    }
    const { names, code } = await own;
    expect({ code, answers: names.length }).toEqual({ code: 0, answers: 400 });
    const share = (await agentCpuMs().then((now) => now - cpu)) / (Date.now() - begin);
    // A service that has nothing to do with it changes at once all the same.
    const calm = await scene.service('calm', { selector: { app: 'good' }, ports: PORTS });
    await scene.answeredBy('client', `${calm.clusterIP}:80`, ['a', 'b']);
    stop.abort();
    const rate = await flapping;
    console.info(
      `the agent takes ${share.toFixed(2)} of a CPU while a backend flaps ${Math.round(rate)} times a second`,
    );
    await put(false);
    await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
    await put(true);
    await scene.answeredBy('client', `${clusterIP}:80`, ['a', 'b']);
  });
});

describe('hostile text', () => {
  it('in annotations, labels and names changes nothing, and no terminal sees it', async () => {
    const scene = await lab.scene();
    const { target } = await bystander(scene);
    const escape = '\u001b]0;owned\u0007\u001b[31m$(touch /tmp/owned)`id`\n; rm -rf /\u202e';
    const a = await scene.podIp('a');
    const { clusterIP } = await scene.service(
      'web',
      { selector: null, ports: PORTS },
      {
        annotations: {
          note: escape,
          long: 'x'.repeat(200_000),
          'service.kubernetes.io/topology-mode': escape,
          'service.kubernetes.io/topology-aware-hints': 'auto',
          'metallb.universe.tf/loadBalancerIPs': lab.node.ip,
        },
      },
    );
    const targetRef = { kind: 'Pod', namespace: escape, name: escape };
    const endpoint = { addresses: [a], targetRef, nodeName: escape, hostname: 'h', zone: escape };
    await scene.slice('web-1', 'web', [endpoint], [{ port: 8080, appProtocol: 'http' }]);
    await scene.served('web', 1);
    await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
    await scene.answeredBy('client', target, ['a', 'b']);
    const socket = `${lab.node.agentDir}/admin.sock`;
    const list = await attempt(['./membrane', '--socket', socket, 'service', 'list']);
    expect(list).toMatchObject({ code: 0, stderr: '' });
    expect(list.stdout).toContain(clusterIP);
    // oxlint-disable-next-line no-control-regex: they are what must not be there
    expect(list.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    await eventually('an event says what is odd', async () => (await scene.events('web')).length > 0);
    for (const text of await scene.events('web')) expect(text).not.toMatch(/\p{C}/u);
  });

  it("another proxy's services are left to it", async () => {
    const scene = await lab.scene();
    const labels = { 'service.kubernetes.io/service-proxy-name': 'other' };
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports: PORTS }, { labels }),
      scene.pod('client'),
      scene.pods(['a'], 'web'),
    ]);
    await eventually('it is known', async () => (await scene.view('web'))?.state === 'ignored');
    expect((await scene.curl('client', `${clusterIP}:80`)).names).toEqual([]);
    await scene.service('web', { ports: PORTS, clusterIP });
    await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
    await scene.service('web', { ports: PORTS, clusterIP }, { labels });
    await scene.unanswered('client', `${clusterIP}:80`);
  });
});
