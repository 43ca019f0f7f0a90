import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TraceRequest } from '../../api/index.ts';
import { finish, namespacedName } from '../../base/index.ts';
import { namespaceRow, nodeRow, onlyFrom, podRow, policyRow } from '../../cluster/samples.ts';
import { type Frontend, frontendKey } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { FAKE_NODE, fakeNode } from '../../plane/testkit.ts';
import { sampleEndpoint, sampleFrontend, sampleName, sampleService, sampleSlice } from '../../service/samples.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { trace } from './trace.ts';

const CLUSTER_IP = parseAddr('10.96.0.10');

const frontend = (port: number, backends: Frontend['backends']): Frontend =>
  sampleFrontend(backends, { addr: CLUSTER_IP, port, service: sampleName('shop/api') });

/** The backend serves port 80 of a service at 8080; nobody serves port 81. */
const SERVED = [
  frontend(80, [
    {
      addr: parseAddr('10.244.1.1'),
      port: 8080,
      protocol: 'TCP',
      state: 'ready',
      pod: sampleName('shop/backend'),
      local: true,
    },
  ]),
  frontend(81, []),
  sampleFrontend(
    ['1', '2', '3'].map((host) => ({
      addr: parseAddr(`10.244.1.${host}`),
      port: 8080,
      protocol: 'TCP' as const,
      state: 'ready' as const,
      pod: sampleName('shop/any'),
      local: host !== '3',
    })),
    { kind: 'NodePort', addr: parseAddr('::'), port: 30_080, service: sampleName('shop/api') },
  ),
  sampleFrontend(
    [
      {
        addr: parseAddr('10.244.2.1'),
        port: 8080,
        protocol: 'TCP',
        state: 'ready',
        pod: sampleName('shop/elsewhere'),
        local: false,
      },
    ],
    { kind: 'NodePort', addr: parseAddr('::'), port: 30_081, service: sampleName('shop/api') },
  ),
];

const API_SPEC = sampleService({
  namespace: 'shop',
  name: 'api',
  clusterIPs: [CLUSTER_IP],
  ports: [{ name: 'web', protocol: 'TCP', port: 80, nodePort: 30_080 }],
});

const HEADLESS = sampleService({ namespace: 'shop', name: 'peers', clusterIPs: ['None'] });
const PEERS = sampleSlice([sampleEndpoint('10.244.1.1'), sampleEndpoint('10.244.1.2')], {
  namespace: 'shop',
  name: 'peers-1',
  service: 'peers',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
});

describe('policy trace', () => {
  let node: Awaited<ReturnType<typeof fakeNode>>;
  beforeAll(async () => {
    node = await fakeNode();
    const http = { name: 'http', port: 8080, protocol: 'TCP' as const };
    const pods = [
      podRow('backend', { app: 'backend' }, { namedPorts: [http] }),
      podRow('frontend', { app: 'frontend' }),
      podRow('other', { app: 'other', 'pod-template-hash': 'x' }),
    ];
    node.put(node.intent.namespaces, namespaceRow('shop'));
    node.put(node.intent.nodes, nodeRow(FAKE_NODE, ['172.18.0.2'], ['10.244.1.0/24']));
    node.put(node.intent.pods, ...pods);
    node.put(node.intent.nodes, nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24']));
    node.put(
      node.intent.pods,
      podRow('elsewhere', { app: 'elsewhere' }, { nodeName: 'node-2', podIPs: ['10.244.2.1'] }),
    );
    node.put(node.intent.nodes, nodeRow('node-3', [], ['10.244.3.0/24']));
    node.put(node.intent.pods, podRow('nowhere', { app: 'nowhere' }, { nodeName: 'node-3', podIPs: ['10.244.3.1'] }));
    node.put(node.intent.services, API_SPEC, HEADLESS);
    node.put(node.intent.slices, PEERS);
    node.put(node.intent.policies, onlyFrom('backend', 'backend', 'frontend'));
    for (const [index, pod] of pods.entries()) node.connect(index + 1, pod);
    node.connect(9, podRow('late'));
    node.intent.serviceRanges.set(Prefix.parse('10.96.0.0/16'));
    node.sync();
    await node.settle();
  });

  const ask = (request: Partial<TraceRequest>, overlay = false) => {
    const serviceAt = (place: string) => SERVED.find((one) => frontendKey(one) === place);
    const nodeAddresses = () => [parseAddr('172.18.0.2')];
    const asked: TraceRequest = { from: 'shop/frontend', to: 'world', port: 80, protocol: 'TCP', ...request };
    return trace(asked, { ...node, nodeName: FAKE_NODE, overlay, native: false, serviceAt, nodeAddresses });
  };

  it.each([
    ['an address of the service range that was never given out', { to: '10.96.7.7' }, 'service-unknown'],
    ['another port of a service', { to: CLUSTER_IP, port: 443 }, 'service-unknown'],
    ['another protocol of a service', { to: CLUSTER_IP, protocol: 'UDP' }, 'service-unknown'],
    ['ping to a service', { to: CLUSTER_IP, protocol: 'ICMP' }, 'service-unknown'],
    ['a service without backends', { to: CLUSTER_IP, port: 81 }, 'no-backend'],
    ['an address of pods that no pod has', { to: '10.244.1.77' }, 'no-endpoint'],
    ['the range itself', { to: 'pod-range' }, 'no-endpoint'],
    ['from outside to an address that no pod has', { from: 'world', to: '10.244.1.77' }, 'no-endpoint'],
    ['who pretends to be a service', { from: '10.96.7.7', to: 'shop/other' }, 'spoofed-ip'],
    ['IPv6, which is not carried', { to: '2001:db8::1' }, 'ipv6-disabled'],
    ['IPv6 from outside', { from: '2001:db8::1', to: 'shop/other' }, 'ipv6-disabled'],
    ['multicast', { to: '224.0.0.251', protocol: 'UDP' }, 'multicast'],
    ['broadcast', { to: '255.255.255.255', protocol: 'UDP' }, 'multicast'],
    ['who pretends to be a pod', { from: '10.244.1.77', to: 'shop/other' }, 'unencapsulated'],
  ] as const)('says that it is dropped, as the kernel does: %s', (_what, request, drop) => {
    const { verdict, steps } = ask(request);
    const judged = steps.filter(({ service }) => service === undefined);
    expect([verdict, judged]).toEqual(['denied', [expect.objectContaining({ verdict: 'denied', drop })]]);
    expect(judged[0]?.reason).toMatch(`dropped as ${drop}: `);
  });

  it.each(['127.0.0.1', '127.8.8.8', '0.0.0.0', '::1'])('knows that %s is the pod itself', (to) => {
    expect(ask({ to })).toMatchObject({ verdict: 'allowed', steps: [{ reason: /never leaves the pod/ }] });
    expect(() => ask({ from: 'host', to })).toThrow(expect.objectContaining({ code: 'E_AGENT_NOT_JUDGED' }));
  });

  it("takes the node's own processes for the host at its own pods, and for a node at those of others", async () => {
    expect(ask({ from: 'host', to: 'shop/backend' }).verdict).toBe('allowed');
    const policy = onlyFrom('elsewhere', 'elsewhere', 'frontend');
    node.put(node.intent.policies, policy);
    await node.settle();
    for (const from of ['host', FAKE_NODE]) {
      const { verdict, steps } = ask({ from, to: 'shop/elsewhere' }, true);
      expect([verdict, JSON.stringify(steps)]).toEqual(['denied', expect.stringContaining('remote-node 172.18.0.2')]);
    }
    node.drop(node.intent.policies, policy);
    await node.settle();
  });

  it('says what staged policies would do, which decide nothing', async () => {
    const asked = { from: 'shop/frontend', to: 'shop/other', port: 8080 } as const;
    expect(ask(asked)).not.toHaveProperty('staged');
    const closing = { ...onlyFrom('closing', 'other', 'backend'), stage: 'true' };
    const opening = { ...onlyFrom('opening', 'backend', 'other'), stage: 'true' };
    node.put(node.intent.policies, closing, opening);
    await node.settle();
    const closes = ask(asked);
    expect([closes.verdict, closes.staged?.verdict]).toEqual(['allowed', 'denied']);
    expect(closes.staged?.steps.at(-1)?.reason).toContain('NetworkPolicy shop/closing isolates the pod');
    const opens = ask({ from: 'shop/other', to: 'shop/backend', port: 8080 });
    expect([opens.verdict, opens.staged?.verdict]).toEqual(['denied', 'allowed']);
    expect(ask({ from: 'shop/other', to: 'shop/frontend', port: 8080 }), 'about neither').not.toHaveProperty('staged');
    node.drop(node.intent.policies, closing, opening);
    await node.settle();
  });

  describe('of two tenants', () => {
    const claim = (name: string, ...names: string[]) => tenantRow(name, { claims: { names, prefix: undefined } });
    const stranger = podRow('stranger', { app: 'frontend' }, { namespace: 'ledger' });
    afterAll(async () => {
      node.drop(node.intent.tenants, ...node.intent.tenants.rows.values());
      node.drop(node.intent.pods, stranger);
      await node.settle();
    });

    it('says that no policy opens it, whatever is proposed', async () => {
      node.put(node.intent.namespaces, namespaceRow('ledger'));
      node.put(node.intent.pods, stranger);
      node.connect(4, stranger);
      node.put(node.intent.tenants, claim('shop', 'shop'), claim('billing', 'ledger'));
      await node.settle();
      const proposed = [
        {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: 'all', namespace: 'shop' },
          spec: { podSelector: {}, ingress: [{}], policyTypes: ['Ingress'] },
        },
      ];
      const denied = { verdict: 'denied', steps: [{ direction: 'egress', drop: 'tenant-boundary' }] };
      const answer = ask({ from: 'ledger/stranger', to: 'shop/backend', port: 8080, proposed });
      expect(answer).toMatchObject({ ...denied, proposed: denied });
      expect(answer.steps[0]?.reason).toBe(
        'tenant billing and tenant shop are apart, and nothing is shared between them for this; no policy opens it',
      );
      expect(ask({ from: 'shop/frontend', to: 'shop/backend', port: 8080 }).verdict).toBe('allowed');
      expect(ask({ from: 'shop/frontend', to: 'world' }).steps).toMatchObject([{ drop: 'tenant-world' }]);
      expect(ask({ from: 'world', to: 'shop/other' }).steps).toMatchObject([
        { direction: 'ingress', drop: 'tenant-world' },
      ]);
      expect(ask({ from: 'shop/frontend', to: 'node-2' }).steps).toMatchObject([{ drop: 'tenant-nodes' }]);
      expect(ask({ from: 'host', to: 'shop/other' }).verdict, 'probes').toBe('allowed');
    });

    it('says what is listed of the world, and what is never', async () => {
      const listing = {
        ...claim('shop', 'shop'),
        boundary: { world: 'Listed', nodes: 'ProbesOnly' } as const,
        world: { cidrs: [Prefix.parse('203.0.113.0/24'), Prefix.parse('169.254.0.0/16')], metadata: 'Never' } as const,
      };
      node.put(node.intent.tenants, listing);
      await node.settle();
      expect(ask({ from: 'shop/frontend', to: '203.0.113.9' }).verdict).toBe('allowed');
      expect(ask({ from: '203.0.113.9', to: 'shop/other' }).verdict).toBe('allowed');
      expect(ask({ from: 'shop/frontend', to: '198.51.100.9' }).steps).toMatchObject([
        {
          drop: 'tenant-world',
          reason: 'the world.cidrs of tenant shop do not list 198.51.100.9; no policy opens it',
        },
      ]);
      expect(ask({ from: 'shop/frontend', to: 'world' }).steps).toMatchObject([{ drop: 'tenant-world' }]);
      expect(ask({ from: 'shop/frontend', to: '169.254.169.254' }).steps).toMatchObject([{ drop: 'tenant-metadata' }]);
    });

    it('says why a namespace is closed', async () => {
      node.put(node.intent.tenants, claim('shop', 'shop'), claim('thief', 'shop'));
      await node.settle();
      expect(ask({ to: 'shop/backend', port: 8080 }).steps).toMatchObject([
        { drop: 'tenant-closed', reason: 'namespace shop is claimed by tenants shop, thief; no policy opens it' },
      ]);
    });
  });

  it('judges a service by who serves it', () => {
    const asked = { to: CLUSTER_IP, port: 80 };
    expect(ask(asked)).toMatchObject({
      verdict: 'allowed',
      to: {
        name: 'service shop/api at 10.244.1.1:8080',
        identity: node.identities.get(namespacedName({ namespace: 'shop', name: 'backend' }))?.id,
      },
    });
    expect(ask({ ...asked, from: 'shop/other' })).toMatchObject({
      verdict: 'denied',
      steps: [
        {
          service: 'shop/api',
          reason: 'ClusterIP 10.96.0.10:80 of service shop/api goes to 10.244.1.1:8080 (shop/backend)',
        },
        { verdict: 'allowed' },
        { direction: 'ingress', verdict: 'denied' },
      ],
    });
  });

  it('knows a pod that talks to itself, also through a service', () => {
    for (const to of ['shop/backend', '10.244.1.1', CLUSTER_IP]) {
      const { verdict, steps } = ask({ from: 'shop/backend', to });
      expect([verdict, steps.at(-1)]).toMatchObject([
        'allowed',
        { enforced: false, reason: expect.stringContaining('never leaves the pod') },
      ]);
    }
    // Of the same identity, and another pod: that is judged.
    expect(ask({ from: 'shop/other', to: 'shop/backend' }).verdict).toBe('denied');
  });

  it('takes a service by its name, and ports by theirs', () => {
    expect(ask({ to: 'service:shop/api', port: 'web' })).toMatchObject({ verdict: 'allowed', port: 80 });
    expect(ask({ to: 'service:shop/api', port: 81 }).verdict).toBe('denied');
    expect(ask({ to: 'shop/backend', port: 'http' })).toMatchObject({ verdict: 'allowed', port: 8080 });
    for (const [to, port, said] of [
      ['service:shop/none', 80, 'is no service'],
      ['service:shop/api', 'nope', 'no TCP port named "nope"'],
      ['shop/other', 'http', 'no TCP port named'],
    ] as const) {
      expect(() => ask({ to, port })).toThrow(new RegExp(said));
    }
  });

  it.each(['172.18.0.2', FAKE_NODE, 'host'])(
    'judges a node port through to the pods, whatever the node is called: %s',
    (to) => {
      const { verdict, steps } = ask({ from: 'world', to, port: 30_080 });
      expect(verdict).toBe('denied');
      expect(steps).toMatchObject([
        { service: 'shop/api', reason: expect.stringContaining('NodePort port 30080 of the node') },
        {
          direction: 'ingress',
          verdict: 'denied',
          reason: expect.stringContaining('NetworkPolicy shop/backend isolates'),
        },
      ]);
      // One of three: which of them answers is chance.
      expect(steps[1]?.reason).toContain('(1 of 3 backends)');
      expect(ask({ from: 'shop/frontend', to, port: 30_080 }).verdict).toBe('allowed');
    },
  );

  it('judges a client outside by his own address where the overlay takes him to the pod', async () => {
    const ingress = [{ from: [{ ipBlock: { cidr: '203.0.113.0/24' } }] }];
    const spec = { podSelector: { matchLabels: { app: 'elsewhere' } }, ingress };
    node.put(node.intent.policies, policyRow('elsewhere', spec));
    await node.settle();
    const from = (addr: string, overlay: boolean) =>
      ask({ from: addr, to: '172.18.0.2', port: 30_081 }, overlay).verdict;
    expect([from('203.0.113.9', true), from('198.51.100.9', true)]).toEqual(['allowed', 'denied']);
    expect(from('203.0.113.9', false), 'under the address of the node').toBe('denied');
    node.drop(node.intent.policies, policyRow('elsewhere', spec));
    await node.settle();
  });

  it.each([
    ['node to node', { from: 'host', to: 'remote-node' }],
    ['what no service serves at a node, from outside', { from: 'world', to: FAKE_NODE, port: 22 }],
    ['the world to itself', { from: '203.0.113.1', to: '198.51.100.1' }],
  ])('refuses what is nobody’s to judge: %s', (_what, request) => {
    expect(() => ask(request)).toThrow(expect.objectContaining({ code: 'E_AGENT_NOT_JUDGED' }));
  });

  it('says what proposed policies would say, apart, and writes nothing', async () => {
    const policy = (name: string, spec: object) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name, namespace: 'shop' },
      spec,
    });
    const asked = { from: 'shop/frontend', to: 'shop/backend', port: 8080 };
    const closing = policy('new', { podSelector: { matchLabels: { app: 'frontend' } }, policyTypes: ['Egress'] });
    expect(ask({ ...asked, proposed: [closing] })).toMatchObject({
      verdict: 'allowed',
      proposed: { verdict: 'denied', steps: [{ direction: 'egress', reason: expect.stringContaining('shop/new') }] },
    });
    // In place of the one of its name; a label that no policy selects by yet.
    const replaced = policy('backend', {
      podSelector: { matchLabels: { app: 'backend' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { 'pod-template-hash': 'x' } } }] }],
    });
    const { verdict, proposed } = ask({ ...asked, from: 'shop/other', proposed: [replaced] });
    expect([verdict, proposed?.verdict]).toEqual(['denied', 'allowed']);
    expect(ask(asked)).toMatchObject({ verdict: 'allowed' });
    expect(ask(asked)).not.toHaveProperty('proposed');
    const badPort = policy('p', { podSelector: {}, ingress: [{ ports: [{ port: 99_999 }] }] });
    for (const wrong of [{ kind: 'Pod' }, badPort]) {
      expect(() => ask({ ...asked, proposed: [wrong] })).toThrow(expect.objectContaining({ code: 'E_AGENT_PROPOSAL' }));
    }
  });

  it('says that a pod of another node cannot be reached, until packets are carried there', () => {
    const asked = { from: 'shop/frontend', to: 'shop/elsewhere' };
    for (const to of [asked.to, '10.244.2.1']) {
      const { verdict, steps } = ask({ ...asked, to });
      expect([verdict, steps.at(-1)]).toMatchObject(['denied', { direction: 'egress', drop: 'no-route' }]);
    }
    expect(ask({ from: asked.to, to: asked.from })).toMatchObject({ verdict: 'denied' });
    expect(ask(asked, true)).toMatchObject({ verdict: 'allowed', steps: [{}, { direction: 'ingress' }] });
    expect(ask({ from: asked.to, to: asked.from }, true).steps.at(-1)).not.toHaveProperty('drop');
    // Of a node without an address that the overlay could find it at.
    for (const ends of [
      { from: 'shop/frontend', to: 'shop/nowhere' },
      { from: 'shop/nowhere', to: 'shop/frontend' },
    ]) {
      expect(ask(ends, true)).toMatchObject({ verdict: 'denied', steps: [{}, { drop: 'no-route' }] });
    }
  });

  it('judges a headless service pod by pod', () => {
    const { verdict, steps } = ask({ from: 'shop/other', to: 'service:shop/peers', port: 'http' });
    expect([verdict, steps]).toMatchObject([
      'denied',
      [
        {
          service: 'shop/peers',
          reason: 'service shop/peers is headless: its name is resolved to 10.244.1.1, 10.244.1.2',
        },
        { direction: 'egress', verdict: 'allowed' },
        { direction: 'ingress', verdict: 'denied', reason: expect.stringContaining('(1 of 2 backends)') },
      ],
    ]);
    expect(ask({ to: 'service:shop/peers', port: 8080 }).verdict).toBe('allowed');
    expect(() => ask({ to: 'service:shop/peers', port: 'nope' })).toThrow('no pods that are ready with a TCP port');
  });

  it('says what holds now, and what will once the new tables are written', async () => {
    const closing = policyRow('closing', { podSelector: { matchLabels: { app: 'other' } }, policyTypes: ['Egress'] });
    const asked = { from: 'shop/other', to: '203.0.113.1' };
    node.put(node.intent.policies, closing);
    finish(node.policies.follow());
    expect(ask(asked)).toMatchObject({
      verdict: 'allowed',
      steps: [
        {
          reason: 'allowed by default, not in force yet: its policy is being written',
          pending: { verdict: 'denied', reason: expect.stringContaining('shop/closing isolates') },
        },
      ],
    });
    await node.settle();
    expect(ask(asked)).toMatchObject({
      verdict: 'denied',
      steps: [{ reason: expect.stringContaining('shop/closing') }],
    });
    expect(ask(asked).steps[0]).not.toHaveProperty('pending');
    node.drop(node.intent.policies, closing);
    await node.settle();
  });

  it('says of an address whose pod is on its way that it is closed, and of the world what policies say', () => {
    expect(ask({ to: '10.244.1.9' }).steps.flatMap(({ drop }) => drop ?? [])).toEqual(['peer-not-ready']);
    expect(ask({ to: '203.0.113.1' }).verdict).toBe('allowed');
  });
});
