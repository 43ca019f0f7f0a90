import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import {
  identityId,
  labelMap,
  type PodIdentity,
  type ServiceSpec,
  type TenantExport,
  type TenantRow,
} from '../model/index.ts';
import { Membership } from './membership.ts';
import { importedBy, MOST_SHARES, type SharingWorld } from './sharing.ts';
import { SYSTEM_SERVICES, tenantRow } from './testkit.ts';

const NOW = Date.UTC(2026, 0, 1);
const claims = (...names: string[]) => ({ names, prefix: undefined });

function pod(id: number, namespace: string, labels: Record<string, string>, http = 8080): PodIdentity {
  const namedPorts = [{ name: 'http', protocol: 'TCP' as const, port: http }];
  const workload = {
    namespace,
    labels: labelMap(labels),
    namespaceLabels: labelMap(),
    serviceAccount: 'default',
    cluster: 'default',
    namedPorts,
  };
  return { kind: 'pod', id: identityId(id), workload };
}

function service(key: string, selector: Record<string, string> | undefined, ports: ServiceSpec['ports']): ServiceSpec {
  const [namespace = '', name = ''] = key.split('/');
  return {
    uid: key,
    namespace,
    name,
    createdAt: '',
    type: 'ClusterIP',
    clusterIPs: [],
    externalIPs: [],
    ingressIPs: [],
    ports,
    ...(selector === undefined ? {} : { selector }),
    affinitySeconds: 0,
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 0,
    hasSourceRanges: false,
    foreign: false,
  };
}

const PORTS: ServiceSpec['ports'] = [
  { name: 'web', protocol: 'TCP', port: 80, nodePort: 0, targetPort: 'http' },
  { name: 'admin', protocol: 'TCP', port: 9000, nodePort: 0 },
  { name: 'time', protocol: 'UDP', port: 123, nodePort: 0, targetPort: 1123 },
];

type Said = {
  readonly tenants: readonly TenantRow[];
  readonly services: readonly ServiceSpec[];
  readonly pods: readonly PodIdentity[];
  readonly apiServers?: SharingWorld['apiServers'];
};

function worldOf({ tenants, services, pods, apiServers }: Said): SharingWorld {
  const settings = { unassigned: 'Open', systemNamespaces: ['kube-system'], systemServices: SYSTEM_SERVICES } as const;
  const membership = new Membership(tenants, settings);
  const byKey = new Map(services.map((one) => [namespacedName(one), one]));
  return {
    membership,
    service: (key) => byKey.get(key),
    identitiesOf: (namespace) => pods.filter(({ workload }) => workload.namespace === namespace),
    namespacesOf: (tenant) =>
      new Set(
        pods
          .map(({ workload }) => workload.namespace)
          .filter((namespace) => {
            const owner = membership.of(namespace);
            return owner.state === 'tenant' && owner.tenant.name === tenant;
          }),
      ),
    systemServices: SYSTEM_SERVICES,
    apiServers,
    now: NOW,
  };
}

const API: TenantExport = {
  name: 'api',
  service: 'ledger/api' as NamespacedName,
  ports: ['web'],
  to: ['shop'],
  expires: undefined,
};
const shop = tenantRow('shop', {
  claims: claims('shop'),
  imports: [{ tenant: 'billing', export: 'api', labels: {} }],
  systemServices: [],
});
const billing = tenantRow('billing', { claims: claims('ledger'), exports: [API] });
const PODS = [
  pod(300, 'shop', { app: 'front' }),
  pod(301, 'shop', { app: 'cart' }),
  pod(400, 'ledger', { app: 'api' }),
  pod(401, 'ledger', { app: 'api', version: '2' }, 8081),
  pod(402, 'ledger', { app: 'db' }),
  pod(500, 'other', { app: 'api' }),
];
const API_SERVICE = service('ledger/api', { app: 'api' }, PORTS);

const sharesOf = (said: Partial<Said> = {}, tenant = 'shop'): string[] => {
  const world = worldOf({ tenants: [shop, billing], services: [API_SERVICE], pods: PODS, ...said });
  const row = world.membership.tenants.get(tenant);
  return row === undefined ? [] : [...importedBy(row, world).shares.keys()].sort();
};
const problemOf = (said: Partial<Said> = {}): string | undefined => {
  const world = worldOf({ tenants: [shop, billing], services: [API_SERVICE], pods: PODS, ...said });
  const { shares, problems } = importedBy(world.membership.tenants.get('shop') ?? shop, world);
  expect(shares.size).toBe(0);
  return problems[0];
};
const exporting = (change: Partial<TenantExport>): TenantRow => ({ ...billing, exports: [{ ...API, ...change }] });

describe('what is exported and imported', () => {
  it('is this port of the pods that the Service selects, by the number that its name has there', () => {
    expect(sharesOf()).toEqual(['300>400:8080/TCP', '300>401:8081/TCP', '301>400:8080/TCP', '301>401:8081/TCP']);
    expect(sharesOf({}, 'billing'), 'and not the other way').toEqual([]);
  });

  it('is all ports where none is named, and for the pods that import it', () => {
    const only = { ...shop, imports: [{ tenant: 'billing', export: 'api', labels: { app: 'cart' } }] };
    expect(sharesOf({ tenants: [only, exporting({ ports: undefined })] })).toEqual([
      '301>400:1123/UDP',
      '301>400:8080/TCP',
      '301>400:9000/TCP',
      '301>401:1123/UDP',
      '301>401:8081/TCP',
      '301>401:9000/TCP',
    ]);
    expect(sharesOf({ tenants: [only, exporting({ ports: [123] })] })).toEqual([
      '301>400:1123/UDP',
      '301>401:1123/UDP',
    ]);
  });

  it('is not passed on', () => {
    const middle = tenantRow('middle', {
      claims: claims('other'),
      imports: [{ tenant: 'shop', export: 'api', labels: {} }],
      systemServices: [],
    });
    expect(sharesOf({ tenants: [shop, billing, middle] }, 'middle')).toEqual([]);
  });

  it('round a loop is each step of it, and nothing further', () => {
    const names = ['red', 'green', 'blue'];
    const at = (index: number): string => names[(index + names.length) % names.length] ?? '';
    const tenants = names.map((name, index) =>
      tenantRow(name, {
        claims: claims(name),
        exports: [{ ...API, service: `${name}/api` as NamespacedName, to: [at(index + 1)] }],
        imports: [{ tenant: at(index - 1), export: 'api', labels: {} }],
        systemServices: [],
      }),
    );
    const services = names.map((name) => service(`${name}/api`, { app: 'api' }, PORTS));
    const pods = names.map((name, index) => pod(600 + index, name, { app: 'api' }));
    const shares = names.map((name) => sharesOf({ tenants, services, pods }, name));
    expect(shares).toEqual([['600>602:8080/TCP'], ['601>600:8080/TCP'], ['602>601:8080/TCP']]);
  });

  it('of 10,000 exports is what is imported of them', () => {
    const others = Array.from({ length: 9_999 }, (_, index) => ({
      ...API,
      name: `other-${index}`,
      service: `ledger/other-${index}` as NamespacedName,
    }));
    expect(sharesOf({ tenants: [shop, { ...billing, exports: [...others, API] }] })).toEqual(sharesOf());
    expect(problemOf({ tenants: [shop, { ...billing, exports: others }] })).toContain('exports nothing of this name');
  });

  test.each([
    ['what is not exported', { tenants: [shop, { ...billing, exports: [] }] }, 'exports nothing of this name to shop'],
    ['what is exported to others', { tenants: [shop, exporting({ to: ['other'] })] }, 'exports nothing of this name'],
    ['of a tenant that is not there', { tenants: [shop] }, 'tenant billing exports nothing'],
    ['of a closed tenant', { tenants: [shop, { ...billing, closed: 'gone' }] }, 'exports nothing'],
    ['what is over', { tenants: [shop, exporting({ expires: NOW })] }, 'the export ended at 2026-01-01T00:00:00.000Z'],
    ['a Service that is not there', { services: [] }, 'there is no Service ledger/api'],
    [
      'a Service of another',
      { tenants: [shop, exporting({ service: 'other/api' as NamespacedName })] },
      'namespace other is not the exporter',
    ],
    [
      'a Service without a selector',
      { services: [service('ledger/api', undefined, PORTS)] },
      'selects no pods by label',
    ],
    ['a port that is not there', { tenants: [shop, exporting({ ports: ['web', 'gone'] })] }, 'has no port gone'],
    [
      'of a namespace that two claim',
      { tenants: [shop, billing, tenantRow('thief', { claims: claims('ledger') })] },
      'namespace ledger is not the exporter',
    ],
  ] as const)('is nothing of %s', (_what, said, problem) => expect(problemOf(said)).toContain(problem));

  it('is nothing of what a closed tenant imports', () => {
    expect(sharesOf({ tenants: [{ ...shop, closed: 'gone' }, billing] })).toEqual([]);
  });

  it('of two exports of the same is what ends later', () => {
    const exports = [API, { ...API, name: 'soon', expires: NOW + 1 }];
    const imports = ['soon', 'api', 'soon'].map((name) => ({ tenant: 'billing', export: name, labels: {} }));
    const world = worldOf({
      tenants: [
        { ...shop, imports },
        { ...billing, exports },
      ],
      services: [API_SERVICE],
      pods: PODS,
    });
    const { shares } = importedBy({ ...shop, imports }, world);
    expect(new Set(Array.from(shares.values(), ({ expires }) => expires))).toEqual(new Set([undefined]));
  });

  it('is nothing when it is more than a tenant may have', () => {
    const many = Array.from({ length: 700 }, (_, i) => pod(1_000 + i, i < 350 ? 'shop' : 'ledger', { app: 'api' }));
    const ports = Array.from({ length: 2 }, (_, i) => ({
      name: `p${i}`,
      protocol: 'TCP' as const,
      port: i + 1,
      nodePort: 0,
    }));
    const said = {
      pods: many,
      tenants: [shop, exporting({ ports: undefined })],
      services: [service('ledger/api', { app: 'api' }, ports)],
    };
    expect(problemOf(said)).toContain(`and a tenant may have ${MOST_SHARES}: none holds`);
  });
});

test('the DNS of the cluster is for tenants that say so', () => {
  const dns = service('kube-system/kube-dns', { 'k8s-app': 'kube-dns' }, [
    { name: 'dns', protocol: 'UDP', port: 53, nodePort: 0 },
  ]);
  const pods = [...PODS, pod(600, 'kube-system', { 'k8s-app': 'kube-dns' }), pod(601, 'kube-system', { app: 'other' })];
  const tenants = [{ ...shop, imports: [], systemServices: ['dns'] as const }];
  expect(sharesOf({ tenants, pods, services: [dns] })).toEqual(['300>600:53/UDP', '301>600:53/UDP']);
  expect(sharesOf({ tenants: [{ ...shop, imports: [] }], pods, services: [dns] })).toEqual([]);
});

test('API servers are for tenants that say so, where they say that they answer', () => {
  const apiServers = [
    { responder: identityId(7), protocol: 'TCP', port: 6443 },
    { responder: identityId(1), protocol: 'TCP', port: 6443 },
  ] as const;
  const tenants = [{ ...shop, imports: [], systemServices: ['apiserver'] as const }];
  const wanted = ['300>1:6443/TCP', '300>7:6443/TCP', '301>1:6443/TCP', '301>7:6443/TCP'];
  expect(sharesOf({ tenants, apiServers })).toEqual(wanted);
  expect(sharesOf({ tenants: [{ ...shop, imports: [] }], apiServers })).toEqual([]);
  expect(problemOf({ tenants, apiServers: [] })).toBe('system service apiserver: no API server says where it answers');
  expect(problemOf({ tenants }), 'who cannot tell says nothing').toBeUndefined();
});

test('says what the documentation says, in 10,000 worlds', () => {
  const labels = fc.constantFrom({ app: 'api' }, { app: 'db' });
  const namespaces = fc.constantFrom('a', 'b', 'c');
  const names = ['red', 'green'];
  const exported = fc.record({
    name: fc.constantFrom('x', 'y'),
    service: fc.constantFrom('a/s', 'b/s', 'c/s') as fc.Arbitrary<NamespacedName>,
    ports: fc.option(fc.subarray<string | number>(['web', 9000, 'time'], { minLength: 1 }), { nil: undefined }),
    to: fc.constantFrom(['red'], ['green'], names, names),
    expires: fc.option(fc.constantFrom(NOW - 1, NOW + 1), { nil: undefined }),
  });
  const tenant = (...own: string[][]) =>
    fc.record({
      names: fc.constantFrom(...own),
      exports: fc.uniqueArray(exported, { maxLength: 2, selector: ({ name }) => name }),
      imports: fc.array(
        fc.record({
          tenant: fc.constantFrom(...names),
          export: fc.constantFrom('x', 'y'),
          labels: fc.constantFrom<Readonly<Record<string, string>>>({}, { app: 'db' }),
        }),
        { maxLength: 3 },
      ),
    });
  let held = 0;
  fc.assert(
    fc.property(
      tenant(['a'], ['a', 'c']),
      tenant(['b'], ['b', 'c'], ['a', 'b']),
      fc.array(fc.tuple(namespaces, labels), { minLength: 1, maxLength: 6 }),
      (red, green, drawn) => {
        const tenants = [red, green].map(({ names: own, ...rest }, i) =>
          tenantRow(names[i] ?? '', { claims: claims(...own), ...rest, systemServices: [] }),
        );
        const pods = drawn.map(([namespace, own], i) => pod(300 + i, namespace, own));
        const services = ['a/s', 'b/s'].map((key) => service(key, { app: 'api' }, PORTS));
        const world = worldOf({ tenants, services, pods });
        const holds = new Set<string>();
        const ownerOf = (namespace: string): TenantRow | undefined => {
          const all = tenants.filter(({ claims: said }) => said?.names.includes(namespace));
          return all.length === 1 ? all[0] : undefined;
        };
        // Any two pods, any port: does some pair of halves let it?
        for (const opener of pods) {
          for (const responder of pods) {
            for (const { name, protocol, port, targetPort } of PORTS) {
              const [from, to] = [ownerOf(opener.workload.namespace), ownerOf(responder.workload.namespace)];
              const isLet = from?.imports.some(
                (half) =>
                  half.tenant === to?.name &&
                  Object.entries(half.labels).every(([key, value]) => opener.workload.labels.get(key) === value) &&
                  to.exports.some(
                    (one) =>
                      one.name === half.export &&
                      one.to.includes(from.name) &&
                      one.service === `${responder.workload.namespace}/s` &&
                      one.service !== 'c/s' &&
                      responder.workload.labels.get('app') === 'api' &&
                      (one.ports === undefined || one.ports.includes(name) || one.ports.includes(port)) &&
                      (one.expires === undefined || one.expires > NOW),
                  ),
              );
              const number = targetPort === 'http' ? 8080 : (targetPort ?? port);
              if (isLet === true) holds.add(`${opener.id}>${responder.id}:${number}/${protocol}`);
            }
          }
        }
        const found = new Set(tenants.flatMap((own) => [...importedBy(own, world).shares.keys()]));
        expect(found).toEqual(holds);
        held += holds.size > 0 ? 1 : 0;
      },
    ),
    { numRuns: 10_000 },
  );
  expect(held).toBeGreaterThan(100);
});
