import { describe, expect, it } from 'vitest';
import { type Frontend, frontendKey, type ServiceSpec, type SliceEndpoint } from '../model/index.ts';
import { type DesiredService, frontendsOf } from './frontends.ts';
import { placesOf } from './keep.ts';
import {
  sampleEndpoint as endpoint,
  sampleContext,
  sampleName,
  sampleService as service,
  sampleSlice as slice,
} from './samples.ts';

const READY = [endpoint('10.244.1.2'), endpoint('10.244.2.2', { nodeName: 'node-2' })];

const addrs = (list: Frontend['backends'] | undefined): string[] =>
  (list ?? []).map(({ addr, port }) => `${addr}:${port}`);

function judge(spec: ServiceSpec, endpoints: readonly SliceEndpoint[] = READY, context = sampleContext()) {
  const { frontends, problems } = frontendsOf(spec, [slice(endpoints)], context);
  return { frontends, problems, keys: frontends.map(frontendKey), first: frontends[0] };
}

describe('which frontends a service has', () => {
  const external = { externalIPs: ['192.0.2.7'] };
  const node = [{ name: '', protocol: 'TCP' as const, port: 80, nodePort: 30_080 }];
  it.each<[string, Partial<ServiceSpec>, string[]]>([
    ['ClusterIP', {}, ['tcp 10.96.0.10:80']],
    ['headless', { clusterIPs: ['None'], ...external }, []],
    ['without an address yet', { clusterIPs: [] }, []],
    ['of another family only', { clusterIPs: ['2001:db8::1'] }, []],
    ['of both families', { clusterIPs: ['2001:db8::1', '10.96.0.10'] }, ['tcp 10.96.0.10:80']],
    ['NodePort', { type: 'NodePort', ports: node }, ['tcp 10.96.0.10:80', 'tcp [::]:30080']],
    ['ClusterIP that kept a node port', { ports: node }, ['tcp 10.96.0.10:80']],
    ['ExternalName', { type: 'ExternalName', ...external }, []],
    ['of another proxy', { foreign: true }, []],
    ['externalIP in a range', external, ['tcp 10.96.0.10:80', 'tcp 192.0.2.7:80']],
    [
      'LoadBalancer',
      { type: 'LoadBalancer', ports: node, ingressIPs: ['192.0.2.9'] },
      ['tcp 10.96.0.10:80', 'tcp 192.0.2.9:80', 'tcp [::]:30080'],
    ],
    ['ClusterIP that kept a balancer', { ingressIPs: ['192.0.2.9'] }, ['tcp 10.96.0.10:80']],
    [
      'of several ports and protocols',
      {
        ports: [
          { name: 'a', protocol: 'UDP', port: 53, nodePort: 0 },
          { name: 'b', protocol: 'TCP', port: 53, nodePort: 0 },
          { name: 'c', protocol: 'SCTP', port: 9, nodePort: 0 },
        ],
      },
      ['udp 10.96.0.10:53', 'tcp 10.96.0.10:53', 'sctp 10.96.0.10:9'],
    ],
  ])('%s', (_, more, keys) => {
    const result = judge(service(more));
    expect(result.keys.toSorted()).toEqual(keys.toSorted());
    expect(result.problems).toEqual([]);
  });
});

describe('what is refused, and what is said of it', () => {
  const port = (number: number, nodePort = 0) => ({
    ports: [{ name: '', protocol: 'TCP' as const, port: number, nodePort }],
  });
  it.each<[string, Partial<ServiceSpec>, string, string]>([
    [
      'an externalIP outside the ranges',
      { externalIPs: ['8.8.8.8'] },
      'ExternalIPRefused',
      'externalIP 8.8.8.8 is not within serviceAddressRanges',
    ],
    [
      'a loopback externalIP',
      { externalIPs: ['127.0.0.1'] },
      'ExternalIPRefused',
      'externalIP 127.0.0.1 is a loopback address',
    ],
    [
      'an externalIP that is none',
      { externalIPs: ['example.com'] },
      'ExternalIPRefused',
      'externalIP example.com is not an IPv4 address',
    ],
    [
      'a balancer outside the ranges',
      { type: 'LoadBalancer', ingressIPs: ['203.0.113.5'] },
      'LoadBalancerRefused',
      'load balancer address 203.0.113.5 is not within serviceAddressRanges',
    ],
    [
      'a balancer for some clients only',
      { type: 'LoadBalancer', ingressIPs: ['192.0.2.9'], hasSourceRanges: true },
      'SourceRangesUnsupported',
      'loadBalancerSourceRanges is not supported: its addresses are not served',
    ],
    [
      'a loopback clusterIP',
      { clusterIPs: ['127.0.0.1'] },
      'ClusterIPRefused',
      'clusterIP 127.0.0.1 is a loopback address',
    ],
    [
      "a node's address as clusterIP",
      { clusterIPs: ['172.18.0.3'] },
      'ClusterIPRefused',
      "clusterIP 172.18.0.3 is a node's address",
    ],
    ['port 0', port(0), 'PortRefused', 'port 0 is not within 1 to 65535'],
    ['port 65536', port(65_536), 'PortRefused', 'port 65536 is not within 1 to 65535'],
    [
      'a node port outside the range',
      { type: 'NodePort', ...port(80, 22) },
      'NodePortRefused',
      'node port 22 is not within 30000 to 32767',
    ],
    [
      'a negative node port',
      { type: 'NodePort', ...port(80, -1) },
      'NodePortRefused',
      'node port -1 is not within 30000 to 32767',
    ],
  ])('%s', (_, more, reason, message) => {
    expect(judge(service(more)).problems).toEqual([{ reason, message }]);
  });

  it('an address outside the ranges is not served, the rest of the service is', () => {
    expect(judge(service({ externalIPs: ['8.8.8.8', '192.0.2.1'] })).keys).toEqual([
      'tcp 10.96.0.10:80',
      'tcp 192.0.2.1:80',
    ]);
    expect(judge(service({ externalIPs: ['192.0.2.1'] }), READY, sampleContext({ addressRanges: [] })).keys).toEqual([
      'tcp 10.96.0.10:80',
    ]);
  });

  it('a thousand refusals are a few lines', () => {
    const externalIPs = Array.from({ length: 1_000 }, (_, i) => `8.8.${i >> 8}.${i & 255}`);
    const { problems } = judge(service({ externalIPs }));
    expect(problems).toHaveLength(6);
    expect(problems.at(-1)?.message).toBe('and 995 more');
  });

  it.each<[string, Partial<SliceEndpoint> & { address: string }, string]>([
    ['loopback', { address: '127.0.0.1' }, 'is a loopback address'],
    ['loopback elsewhere in 127/8', { address: '127.9.9.9' }, 'is a loopback address'],
    ['link-local', { address: '169.254.169.254' }, 'is a link-local address'],
    ['multicast', { address: '224.0.0.1' }, 'is a multicast address'],
    ['broadcast', { address: '255.255.255.255' }, 'is a broadcast address'],
    ['unspecified', { address: '0.0.0.0' }, 'is an unspecified address'],
    ['IPv6 in a slice of IPv4', { address: '::1' }, 'is not an IPv4 address'],
    ['no address', { address: 'localhost' }, 'is not an IPv4 address'],
    ["a node's", { address: '172.18.0.2' }, 'is the address of a node, and of no pod of a in its host network'],
    [
      "a node's, named as a pod of another namespace",
      { address: '172.18.0.2', pod: sampleName('kube-system/host') },
      'is the address of a node',
    ],
    [
      "another node's, named as a pod that is elsewhere",
      { address: '172.18.0.3', pod: sampleName('a/host') },
      'is the address of a node',
    ],
  ])('an endpoint: %s', (_, bad, why) => {
    const { first, problems } = judge(service(), [endpoint(bad.address, bad), ...READY]);
    expect(addrs(first?.backends)).toEqual(['10.244.1.2:8080', '10.244.2.2:8080']);
    expect(problems).toMatchObject([{ reason: 'EndpointRefused', message: expect.stringContaining(why) }]);
  });

  it("the address of a node is fine for a pod of the namespace in that node's network, and for the API server", () => {
    const host = [endpoint('172.18.0.2', { pod: sampleName('a/host') })];
    expect(judge(service(), host).problems).toEqual([]);
    const api = service({ namespace: 'default', name: 'kubernetes' });
    expect(addrs(judge(api, [endpoint('172.18.0.3')]).first?.backends)).toEqual(['172.18.0.3:8080']);
  });

  it("another namespace's pod is served, and mentioned: policies decide who reaches it", () => {
    const { first, problems } = judge(service(), [endpoint('10.244.1.9', { pod: sampleName('b/secret') })]);
    expect(addrs(first?.backends)).toEqual(['10.244.1.9:8080']);
    expect(problems).toMatchObject([{ reason: 'EndpointOfOtherNamespace' }]);
  });
});

describe('who serves', () => {
  const terminating = { ready: false, serving: true, terminating: true };
  const unready = { ready: false, serving: false };
  const table: [string, SliceEndpoint[], string[], string[]][] = [
    [
      'the ready ones; others keep what they have',
      [endpoint('10.244.1.2'), endpoint('10.244.1.3', unready)],
      ['10.244.1.2:8080'],
      ['10.244.1.3:8080'],
    ],
    [
      'not those that end, while others are ready',
      [endpoint('10.244.1.2'), endpoint('10.244.1.3', terminating)],
      ['10.244.1.2:8080'],
      ['10.244.1.3:8080'],
    ],
    [
      'those that end and still serve, when nobody is ready',
      [endpoint('10.244.1.3', terminating), endpoint('10.244.1.4', { ...terminating, serving: false })],
      ['10.244.1.3:8080'],
      ['10.244.1.4:8080'],
    ],
    ['nobody that does not serve', [endpoint('10.244.1.2', unready)], [], ['10.244.1.2:8080']],
    [
      'who is published although not ready',
      [endpoint('10.244.1.2', { ready: true, serving: false })],
      ['10.244.1.2:8080'],
      [],
    ],
  ];
  it.each(table)('%s', (_, endpoints, backends, draining) => {
    const { first } = judge(service(), endpoints);
    expect(addrs(first?.backends)).toEqual(backends);
    expect(addrs(first?.draining)).toEqual(draining);
  });

  it('tells who ends from who is not ready', () => {
    const { first } = judge(service(), [
      endpoint('10.244.1.2'),
      endpoint('10.244.1.3', terminating),
      endpoint('10.244.1.4', { ...terminating, serving: false }),
      endpoint('10.244.1.5', unready),
    ]);
    expect(first?.backends.map(({ state }) => state)).toEqual(['ready']);
    expect(first?.draining.map(({ state }) => state)).toEqual(['draining', 'draining', 'not-ready']);
  });

  it('datagrams leave who does not serve at once, and who ends when his endpoint goes', () => {
    const ports = [{ name: '', protocol: 'UDP' as const, port: 53, nodePort: 0 }];
    const endpoints = [endpoint('10.244.1.2'), endpoint('10.244.1.3', unready), endpoint('10.244.1.4', terminating)];
    const slices = [slice(endpoints, { ports: [{ name: '', protocol: 'UDP', port: 5353 }] })];
    const [first] = frontendsOf(service({ ports }), slices, sampleContext()).frontends;
    expect([addrs(first?.backends), addrs(first?.draining)]).toEqual([['10.244.1.2:5353'], ['10.244.1.4:5353']]);
  });

  it('an address in two slices counts once, as the best that is said of it', () => {
    const slices = [slice([endpoint('10.244.1.2', terminating)]), slice([endpoint('10.244.1.2')], { name: 'web-2' })];
    const { frontends } = frontendsOf(service(), slices, sampleContext());
    expect(frontends[0]?.backends).toMatchObject([{ addr: '10.244.1.2', state: 'ready' }]);
    expect(frontends[0]?.draining).toEqual([]);
  });

  it('ports are matched by name and protocol, numbers are each slice’s own', () => {
    const ports = [
      { name: 'http', protocol: 'TCP' as const, port: 80, nodePort: 0 },
      { name: 'dns', protocol: 'UDP' as const, port: 53, nodePort: 0 },
    ];
    const http = (port: number) => ({ name: 'http', protocol: 'TCP' as const, port });
    const slices = [
      slice([endpoint('10.244.1.2')], { ports: [http(8080), { name: 'dns', protocol: 'TCP', port: 53 }] }),
      slice([endpoint('10.244.1.3')], { ports: [http(9090), http(0)], name: 'web-2' }),
      slice([endpoint('2001:db8::1')], { addressType: 'IPv6', name: 'web-3' }),
    ];
    const { frontends, problems } = frontendsOf(service({ ports }), slices, sampleContext());
    expect(frontends.map((f) => addrs(f.backends))).toEqual([['10.244.1.2:8080', '10.244.1.3:9090'], []]);
    expect(problems).toEqual([]);
  });

  it('zone hints count when everybody has some and the zone has somebody', () => {
    const hinted = (address: string, zone: string) => endpoint(address, { zones: [zone] });
    const cases: [SliceEndpoint[], string, string[]][] = [
      [[hinted('10.244.1.2', 'z1'), hinted('10.244.2.2', 'z2')], 'z1', ['10.244.1.2:8080']],
      [[hinted('10.244.1.2', 'z1'), endpoint('10.244.2.2')], 'z1', ['10.244.1.2:8080', '10.244.2.2:8080']],
      [[hinted('10.244.1.2', 'z2'), hinted('10.244.2.2', 'z2')], 'z1', ['10.244.1.2:8080', '10.244.2.2:8080']],
      [[hinted('10.244.1.2', 'z1'), hinted('10.244.2.2', 'z2')], '', ['10.244.1.2:8080', '10.244.2.2:8080']],
    ];
    for (const [endpoints, zone, backends] of cases) {
      expect(addrs(judge(service(), endpoints, sampleContext({ zone })).first?.backends)).toEqual(backends);
    }
  });

  it('node hints go before zone hints, under the same conditions', () => {
    const hinted = (address: string, node: string, zones: string[] = ['z1']) =>
      endpoint(address, { nodes: node === '' ? [] : [node], zones });
    const both = ['10.244.1.2:8080', '10.244.2.2:8080'];
    const cases: [SliceEndpoint[], string, string[]][] = [
      [[hinted('10.244.1.2', 'node-1'), hinted('10.244.2.2', 'node-2')], 'node-2', ['10.244.2.2:8080']],
      [[hinted('10.244.1.2', 'node-1'), hinted('10.244.2.2', 'node-2')], 'node-3', both],
      [[hinted('10.244.1.2', 'node-1'), hinted('10.244.2.2', '')], 'node-1', both],
      [[hinted('10.244.1.2', 'node-9'), hinted('10.244.2.2', 'node-9', ['z2'])], 'node-1', ['10.244.1.2:8080']],
    ];
    for (const [endpoints, nodeName, backends] of cases) {
      const context = sampleContext({ nodeName, zone: 'z1' });
      expect(addrs(judge(service(), endpoints, context).first?.backends)).toEqual(backends);
    }
  });
});

describe('traffic policies', () => {
  const node = {
    type: 'NodePort' as const,
    ports: [{ name: '', protocol: 'TCP' as const, port: 80, nodePort: 30_080 }],
  };
  const both = ['10.244.1.2:8080', '10.244.2.2:8080'];
  const here = ['10.244.1.2:8080'];
  it.each<[string, Partial<ServiceSpec>, [string[], string[]][]]>([
    [
      'Cluster',
      {},
      [
        [both, both],
        [both, both],
      ],
    ],
    [
      'internal Local',
      { internalTrafficPolicy: 'Local' },
      [
        [here, here],
        [both, both],
      ],
    ],
    [
      'external Local',
      { externalTrafficPolicy: 'Local' },
      [
        [both, both],
        [both, here],
      ],
    ],
    [
      'both Local',
      { internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' },
      [
        [here, here],
        [both, here],
      ],
    ],
  ])('%s: of the cluster address, of the node port; for inside, for outside', (_, more, wanted) => {
    const { frontends } = judge(service({ ...node, ...more }));
    expect(frontends.map((f) => [addrs(f.backends), addrs(f.externalBackends)])).toEqual(wanted);
    expect(frontends.map(({ externalLocal }) => externalLocal)).toEqual([
      false,
      more.externalTrafficPolicy === 'Local',
    ]);
  });

  it('Local falls back to a local one that ends, while the cluster has ready ones elsewhere', () => {
    const endpoints = [
      endpoint('10.244.1.2', { ready: false, terminating: true }),
      endpoint('10.244.2.2', { nodeName: 'node-2' }),
    ];
    const [, port] = judge(service({ ...node, externalTrafficPolicy: 'Local' }), endpoints).frontends;
    expect([addrs(port?.backends), addrs(port?.externalBackends)]).toEqual([['10.244.2.2:8080'], ['10.244.1.2:8080']]);
  });

  it('affinity is for all frontends of a service', () => {
    const { frontends } = judge(service({ ...node, affinitySeconds: 600 }));
    expect(frontends.map(({ affinitySeconds }) => affinitySeconds)).toEqual([600, 600]);
  });
});

describe('a Service that asks for more than one may have', () => {
  const most = { frontends: 8, backends: 10 };
  const many = (first: number, count: number, ports = 1) =>
    slice(
      Array.from({ length: count }, (_, i) => endpoint(`10.244.1.${first + i}`)),
      { ports: Array.from({ length: ports }, (_, i) => ({ name: `p${i}`, protocol: 'TCP', port: 8080 + i })) },
    );
  const withPorts = (ports: number) =>
    service({
      ports: Array.from({ length: ports }, (_, i) => ({ name: `p${i}`, protocol: 'TCP', port: 80 + i, nodePort: 0 })),
    });
  const known = placesOf(frontendsOf(withPorts(1), [many(1, 3)], sampleContext({ most })).frontends);
  const addressesOf = ({ frontends }: DesiredService) =>
    frontends.map(({ backends }) => backends.map(({ addr }) => addr));

  it.each([
    ['endpoints', 1, many(2, 11)],
    ['endpoints times ports', 2, many(2, 6, 2)],
  ])('by %s: has those that it had and still wants, at the ports that had them', (_, ports, more) => {
    const found = frontendsOf(withPorts(ports), [more], sampleContext({ most }), () => known);
    expect(found).toMatchObject({ isTooLarge: true, problems: [{ reason: 'ServiceTooLarge' }] });
    expect(addressesOf(found)[0]).toEqual(['10.244.1.2', '10.244.1.3']);
    expect(addressesOf(found).slice(1).flat()).toEqual([]);
  });

  it('by ports: has the frontends that it had', () => {
    const found = frontendsOf(withPorts(5), [many(1, 1)], sampleContext({ most }), () => known);
    expect(found.isTooLarge).toBe(true);
    expect(found.frontends.map(frontendKey)).toEqual(['tcp 10.96.0.10:80']);
  });

  it('as much as it may have is fine, and a headless one has nothing to bound', () => {
    expect(frontendsOf(withPorts(1), [many(1, 10)], sampleContext({ most })).isTooLarge).toBe(false);
    const headless = { ...withPorts(1), clusterIPs: ['None'] };
    expect(frontendsOf(headless, [many(1, 20)], sampleContext({ most }))).toMatchObject({
      isTooLarge: false,
      problems: [],
    });
  });
});
