import fc from 'fast-check';
import type { NamespacedName } from '../../src/base/index.ts';
import { namespacedName } from '../../src/base/index.ts';
import {
  type ServiceSpec,
  SYSTEM_SERVICES,
  TENANT_METADATA,
  TENANT_NODES,
  TENANT_WORLDS,
  type TenantExport,
  type TenantImport,
  type TenantRow,
} from '../../src/model/index.ts';
import { PROTOCOL_NUMBERS, Prefix, parseAddr } from '../../src/net/index.ts';
import type { TenancySettings } from '../../src/tenant/index.ts';
import { tenantRow } from '../../src/tenant/testkit.ts';
import { arbitraryFlow, arbitraryWorld, NAMES, NAMESPACES, PORTS } from './arbitrary.ts';
import type { Flow, World, WorldTenancy } from './world.ts';

const TENANTS = ['red', 'green'];
const SERVICES = NAMESPACES.map((namespace) => namespacedName({ namespace, name: 's' }));
/** Those of IPv6 cover no IPv4. */
const LISTABLE = [
  '203.0.113.0/24',
  '203.0.113.4/30',
  '198.51.100.0/24',
  '10.244.0.0/16',
  '172.18.0.0/24',
  '169.254.0.0/16',
  '::/0',
  '::fffe:0:0/95',
];
const METADATA = parseAddr('169.254.169.254');
const OVER = 1;
const FAR = Date.UTC(2060, 0);

const exported = (home: NamespacedName): fc.Arbitrary<TenantExport> =>
  fc.record({
    name: fc.constantFrom('a', 'b'),
    service: fc.constantFrom(home, home, home, home, ...SERVICES, 'x/gone' as NamespacedName),
    ports: fc.oneof(
      { weight: 5, arbitrary: fc.constant(undefined) },
      { weight: 2, arbitrary: fc.subarray<string | number>(['web', 53], { minLength: 1 }) },
      { weight: 1, arbitrary: fc.constant(['gone']) },
    ),
    to: fc.constantFrom(TENANTS, TENANTS, TENANTS, TENANTS, ['red'], ['green']),
    expires: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(OVER, FAR) },
    ),
  });

const imported = (other: string): fc.Arbitrary<TenantImport> =>
  fc.record({
    tenant: fc.constantFrom(other, other, ...TENANTS),
    export: fc.constantFrom('a', 'b'),
    labels: fc.constantFrom<TenantImport['labels']>({}, {}, {}, { app: 'a' }),
  });

/** `home`: the namespace that it has mostly; `other`: of whom it imports. */
const tenant = (name: string, home: string, other: string): fc.Arbitrary<TenantRow> =>
  fc
    .record({
      names: fc.oneof(
        { weight: 4, arbitrary: fc.constant([home]) },
        { weight: 2, arbitrary: fc.subarray(NAMESPACES, { maxLength: 2 }) },
      ),
      prefix: fc.oneof(
        { weight: 9, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom(...NAMESPACES, 'nobody') },
      ),
      world: fc.record({
        cidrs: fc.subarray(LISTABLE.map((text) => Prefix.parse(text))),
        metadata: fc.constantFrom(...TENANT_METADATA),
      }),
      boundary: fc.record({ world: fc.constantFrom(...TENANT_WORLDS), nodes: fc.constantFrom(...TENANT_NODES) }),
      exports: fc.uniqueArray(exported(namespacedName({ namespace: home, name: 's' })), {
        maxLength: 2,
        selector: (one) => one.name,
      }),
      imports: fc.array(imported(other), { minLength: 1, maxLength: 4 }),
      systemServices: fc.subarray([...SYSTEM_SERVICES]),
      state: fc.oneof(
        { weight: 20, arbitrary: fc.constant('here') },
        { weight: 3, arbitrary: fc.constantFrom('leaving', 'closed', 'unclear') },
      ),
    })
    .map(({ names, prefix, state, ...said }) =>
      tenantRow(name, {
        ...said,
        claims: state === 'unclear' ? undefined : { names, prefix },
        closed: state === 'here' ? undefined : state,
        isLeaving: state === 'leaving',
      }),
    );

const service = (key: NamespacedName): fc.Arbitrary<ServiceSpec> => {
  const [namespace = '', name = ''] = key.split('/');
  const target = fc.constantFrom<number | string>(...PORTS.slice(1), ...NAMES);
  return fc
    .record({
      selector: fc.constantFrom<ServiceSpec['selector']>({}, {}, {}, {}, { app: 'a' }, { tier: 'b' }, undefined),
      targets: fc.tuple(target, target),
      protocol: fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const),
    })
    .map(({ selector, targets, protocol }) => ({
      uid: key,
      namespace,
      name,
      createdAt: '',
      type: 'ClusterIP',
      clusterIPs: [],
      externalIPs: [],
      ingressIPs: [],
      ports: [
        { name: 'web', protocol: 'TCP', port: 80, nodePort: 0, targetPort: targets[0] },
        { name: 'dns', protocol, port: 53, nodePort: 0, targetPort: targets[1] },
      ],
      ...(selector === undefined ? {} : { selector }),
      affinitySeconds: 0,
      internalTrafficPolicy: 'Cluster',
      externalTrafficPolicy: 'Cluster',
      healthCheckNodePort: 0,
      hasSourceRanges: false,
      foreign: false,
    }));
};

const arbitrarySettings: fc.Arbitrary<TenancySettings> = fc.record({
  unassigned: fc.constantFrom('Open' as const, 'Closed' as const),
  systemNamespaces: fc.constantFrom<readonly string[]>([], [], ['z']),
  systemServices: fc.record({ dns: fc.constantFrom(...SERVICES) }),
});

/** `choice`: 0 leaves the flow as it is; others lead it to a port of a Service of its namespace, where there is one. */
function serviceFlow(flow: Flow, { services }: WorldTenancy, choice: number): Flow {
  const { from, to } = flow;
  if (choice > 3 && from.kind === 'world') return { ...flow, from: { ...from, addr: METADATA } };
  if (choice > 3 && to.kind === 'world') return { ...flow, to: { ...to, addr: METADATA } };
  if (to.kind === 'node' && choice > 3) return { ...flow, protocol: PROTOCOL_NUMBERS.TCP, port: 6443 };
  if (to.kind !== 'pod' || choice === 0) return flow;
  const ports = services.filter(({ namespace }) => namespace === to.pod.namespace).flatMap((one) => one.ports);
  const { protocol, port = 0, targetPort = port } = ports[choice % ports.length] ?? {};
  const named = to.pod.namedPorts.find(({ name }) => name === targetPort)?.port;
  const number = typeof targetPort === 'number' ? targetPort : named;
  return protocol === undefined || number === undefined
    ? flow
    : { ...flow, protocol: PROTOCOL_NUMBERS[protocol], port: number };
}

/** Tenants and Services of the namespaces of `arbitraryWorld`. */
function arbitraryTenancy(settings: TenancySettings): fc.Arbitrary<WorldTenancy> {
  return fc
    .record({
      tenants: fc.oneof(
        { weight: 8, arbitrary: fc.tuple(tenant('red', 'x', 'green'), tenant('green', 'y', 'red')) },
        { weight: 1, arbitrary: tenant('system', 'x', 'red').map((one) => [one]) },
        { weight: 1, arbitrary: fc.constant([]) },
      ),
      services: fc.tuple(...SERVICES.map(service)),
    })
    .map((said) => ({ settings, ...said }));
}

export type TenancyStep = { readonly world: World; readonly flows: readonly Flow[] };

/** A cluster, in which only tenants and Services are others from one world to the next, and connections in each. */
export function arbitraryTenancies({
  worlds,
  flows,
}: {
  readonly worlds: number;
  readonly flows: number;
}): fc.Arbitrary<readonly TenancyStep[]> {
  const drawn = fc.noBias(fc.tuple(arbitraryWorld(IPV4), arbitrarySettings));
  return drawn.chain(([world, settings]) => {
    const flow = fc.tuple(arbitraryFlow(world, IPV4), fc.nat(5));
    const step = fc
      .tuple(arbitraryTenancy(settings), fc.array(flow, { minLength: flows, maxLength: flows }))
      .map(([tenancy, own]) => ({
        world: { ...world, tenancy },
        flows: own.map(([one, choice]) => serviceFlow(one, tenancy, choice)),
      }));
    return fc.array(fc.noBias(step), { minLength: worlds, maxLength: worlds });
  });
}

const IPV4 = { ipv6: false };
