import fc from 'fast-check';
import {
  type Entity,
  EVERYTHING,
  type LabelMap,
  labelMap,
  labelSelector,
  type NamedPort,
  type PeerSelector,
  type PodSelector,
  type PolicyEntry,
  type PortSpec,
  type SelectorOperator,
} from '../../src/model/index.ts';
import { type Addr, PROTOCOL_NUMBERS, Prefix, parseAddr } from '../../src/net/index.ts';
import type { PolicySettings } from '../../src/policy/index.ts';
import { sampleKey } from '../../src/policy/samples.ts';
import type { Flow, Place, World, WorldNode, WorldPod } from './world.ts';

/**
 * Random clusters, policies and connections out of few names, numbers and addresses, so that they meet. `pass` and the
 * entity `world` do not go together with CIDRs that select pods or nodes (see `compileTable`); no such world is made.
 */
export type ArbitraryOptions = {
  /** Also make IPv6 addresses and prefixes. Default true. */
  readonly ipv6?: boolean;
  /** Connections per world. Default 50. */
  readonly flows?: number;
  /** Only what a NetworkPolicy can say: one tier, allow. Default false. */
  readonly networkPolicyOnly?: boolean;
};

export type ArbitraryCase = { readonly world: World; readonly flows: readonly Flow[] };

const KEYS = [
  'app',
  'tier',
  'constructor',
  'pod-template-hash',
  'io.kubernetes.pod.namespace',
  'io.cilium.k8s.policy.serviceaccount',
  'io.cilium.k8s.namespace.labels.app',
];
const VALUES = ['a', 'b'];
export const NAMESPACES = ['x', 'y', 'z'];
export const PORTS = [0, 1, 53, 79, 80, 81, 443, 8080, 32767, 32768, 65534, 65535];
export const NAMES = ['http', 'dns'];
const TRANSPORTS = [PROTOCOL_NUMBERS.TCP, PROTOCOL_NUMBERS.UDP, PROTOCOL_NUMBERS.SCTP];

const NODES: readonly WorldNode[] = [
  { name: 'n1', addrs: [parseAddr('172.18.0.2'), parseAddr('fd00:18::2')], apiserver: false },
  { name: 'n2', addrs: [parseAddr('172.18.0.3'), parseAddr('fd00:18::3')], apiserver: false },
  { name: 'n3', addrs: [parseAddr('172.18.0.4'), parseAddr('fd00:18::4')], apiserver: true },
];

const PREFIXES4 = [
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.244.0.0/16',
  '10.244.1.0/24',
  '10.244.1.2/32',
  '172.18.0.0/30',
  '172.18.0.3/32',
  '203.0.113.0/24',
  '203.0.113.0/28',
  '203.0.113.4/30',
  '203.0.113.5/32',
  '198.51.100.0/24',
];
/** The first ones lie around all of IPv4 as a trie of 128-bit addresses sees it. */
const PREFIXES6 = [
  '::/0',
  '::/1',
  '::/80',
  '::fffe:0:0/95',
  'fd00::/8',
  'fd00:244::/32',
  '2001:db8::/32',
  '2001:db8::/64',
  '2001:db8::5/128',
];
const WORLD4 = [
  '203.0.113.1',
  '203.0.113.5',
  '203.0.113.6',
  '203.0.113.200',
  '198.51.100.1',
  '10.9.9.9',
  '10.244.1.77',
  '8.8.8.8',
];
const WORLD6 = ['2001:db8::1', '2001:db8::5', '2001:db8:1::1', 'fd00:9::9', '2a00::1'];

const labels: fc.Arbitrary<LabelMap> = fc
  .dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), {
    minKeys: 1,
    maxKeys: 4,
    noNullPrototype: true,
    size: 'max',
  })
  .map((record) => labelMap(record));

const expression = fc.record({
  key: fc.constantFrom(...KEYS),
  operator: fc.constantFrom<SelectorOperator>('In', 'NotIn', 'Exists', 'DoesNotExist'),
  values: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 2 }),
});

const selector = fc.oneof(
  { weight: 1, arbitrary: fc.constant(EVERYTHING) },
  {
    weight: 2,
    arbitrary: fc.record({ labels, matchExpressions: fc.array(expression, { maxLength: 1 }) }).map((source) =>
      labelSelector({
        matchLabels: Object.fromEntries([...source.labels].slice(0, 1)),
        matchExpressions: source.matchExpressions,
      }),
    ),
  },
);

const podSelector: fc.Arbitrary<PodSelector> = fc
  .record({
    namespace: fc.oneof(
      fc.constantFrom(...NAMESPACES).map((name) => ({ name })),
      selector.map((matched) => ({ selector: matched })),
      fc.constant({}),
    ),
    pods: selector,
  })
  .map((parts) => ({ kind: 'pods', ...parts }));

const EVERY_POD: PodSelector = { kind: 'pods', namespace: {}, pods: EVERYTHING };

function prefixSelector(ipv6: boolean): fc.Arbitrary<PeerSelector> {
  const prefixes = [...PREFIXES4, ...(ipv6 ? PREFIXES6 : [])].map((text) => Prefix.parse(text));
  return fc.constantFrom(...prefixes).chain((prefix) => {
    const inside = prefixes.filter((other) => prefix.contains(other) && !prefix.equals(other));
    return fc
      .subarray(inside, { maxLength: Math.min(2, inside.length) })
      .map((except) => ({ kind: 'prefix', prefix, except }));
  });
}

const portSpec: fc.Arbitrary<PortSpec> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...TRANSPORTS), fc.constantFrom(...PORTS), fc.constantFrom(...PORTS))
    .map(([protocol, a, b]) => ({ protocol, from: Math.min(a, b), to: Math.max(a, b) })),
  fc
    .tuple(fc.constantFrom(...TRANSPORTS), fc.constantFrom(...PORTS))
    .map(([protocol, port]) => ({ protocol, from: port, to: port })),
  fc.constantFrom(...TRANSPORTS).map((protocol) => ({ protocol, from: 0, to: 0xffff })),
  fc.record({ protocol: fc.constantFrom(...TRANSPORTS), name: fc.constantFrom(...NAMES) }),
);

const settings: fc.Arbitrary<PolicySettings> = fc.record({
  enforcement: fc.oneof(
    { weight: 18, arbitrary: fc.constant('default' as const) },
    { weight: 1, arbitrary: fc.constant('always' as const) },
    { weight: 1, arbitrary: fc.constant('never' as const) },
  ),
  cidrSelects: fc.subarray<'pods' | 'nodes'>(['pods', 'nodes']),
  allowLocalhost: fc.constantFrom('always', 'policy'),
});

type Kinds = {
  readonly tiers: boolean;
  readonly pass: boolean;
  readonly worldEntity: boolean;
  readonly prefixes: boolean;
  readonly ipv6: boolean;
};

function entry(kinds: Kinds): fc.Arbitrary<PolicyEntry> {
  const entities: Entity[] = ['host', 'remote-node', 'kube-apiserver', 'cluster', 'all'];
  const entity = fc.constantFrom<Entity>(...entities, ...(kinds.worldEntity ? (['world'] as const) : []));
  const peer = fc.oneof(
    { weight: 3, arbitrary: podSelector },
    ...(kinds.prefixes ? [{ weight: 3, arbitrary: prefixSelector(kinds.ipv6) }] : []),
    ...(kinds.tiers
      ? [{ weight: 1, arbitrary: entity.map((name): PeerSelector => ({ kind: 'entity', entity: name })) }]
      : []),
  );
  return fc
    .record({
      subject: fc.oneof({ weight: 2, arbitrary: fc.constant(EVERY_POD) }, { weight: 3, arbitrary: podSelector }),
      direction: fc.constantFrom('ingress' as const, 'egress' as const),
      tier: kinds.tiers
        ? fc.constantFrom('admin' as const, 'network' as const, 'baseline' as const)
        : fc.constant('network' as const),
      order: kinds.tiers ? fc.nat(3) : fc.constant(0),
      peers: fc.oneof(
        { weight: 1, arbitrary: fc.constant('any' as const) },
        { weight: 3, arbitrary: fc.array(peer, { maxLength: 3, size: 'max' }) },
      ),
      ports: fc.oneof(
        { weight: 1, arbitrary: fc.constant('any' as const) },
        { weight: 3, arbitrary: fc.array(portSpec, { maxLength: 3, size: 'max' }) },
      ),
      verdict: kinds.tiers
        ? fc.constantFrom<PolicyEntry['verdict']>('allow', 'deny', ...(kinds.pass ? (['pass'] as const) : []))
        : fc.constant('allow' as const),
      isolates: kinds.tiers ? fc.boolean() : fc.constant(true),
    })
    .map((parts) => ({ ...parts, origin: { kind: 'Random', name: 'p', direction: parts.direction, rule: 0 } }));
}

const namedPort: fc.Arbitrary<NamedPort> = fc.record({
  name: fc.constantFrom(...NAMES),
  protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
  port: fc.constantFrom(...PORTS.slice(1)),
});

const pod = (ipv6: boolean): fc.Arbitrary<Omit<WorldPod, 'name' | 'addrs'> & { ipv6: boolean }> =>
  fc.record({
    namespace: fc.constantFrom(...NAMESPACES),
    node: fc.constantFrom('n1', 'n2'),
    labels,
    namedPorts: fc.array(namedPort, { maxLength: 2 }),
    serviceAccount: fc.constantFrom('default', 'other'),
    hostNetwork: fc.constant(false),
    ipv6: fc.constant(ipv6),
  });

/** Worlds as they are at one moment. */
export function arbitraryWorld(options: ArbitraryOptions = {}): fc.Arbitrary<World> {
  const ipv6 = options.ipv6 ?? true;
  return fc.tuple(settings, fc.boolean()).chain(([chosen, prefixes]) => {
    const tiers = options.networkPolicyOnly !== true;
    const single = tiers && (chosen.cidrSelects.length === 0 || !prefixes);
    const kinds = { tiers, pass: single, worldEntity: single, prefixes: prefixes || !single, ipv6 };
    return fc
      .record({
        namespaceLabels: fc.tuple(labels, labels, labels),
        pods: fc.array(pod(ipv6), { minLength: 2, maxLength: 6, size: 'max' }),
        policies: fc.array(fc.array(entry(kinds), { minLength: 1, maxLength: 4, size: 'max' }), {
          minLength: 1,
          maxLength: 5,
          size: 'max',
        }),
      })
      .map(
        ({ namespaceLabels, pods, policies }): World => ({
          settings: chosen,
          nodes: NODES,
          namespaces: new Map(NAMESPACES.map((name, index) => [name, namespaceLabels[index] ?? new Map()])),
          pods: pods.map((facts, index) => ({
            ...facts,
            name: `p${index}`,
            addrs: [
              `10.244.${facts.node === 'n1' ? 1 : 2}.${index + 1}`,
              ...(ipv6 ? [`fd00:244::${index + 1}`] : []),
            ].map(parseAddr),
          })),
          services: [],
          policies: new Map(policies.map((entries, index) => [sampleKey(`p${index}`), named(entries, index)])),
        }),
      );
  });
}

function named(entries: readonly PolicyEntry[], index: number): PolicyEntry[] {
  return entries.map((item, rule) => ({ ...item, origin: { ...item.origin, name: `p${index}`, rule } }));
}

/** Connections of the world's pods among each other and with nodes and outside addresses. */
export function arbitraryFlow(world: World, options: ArbitraryOptions = {}): fc.Arbitrary<Flow> {
  const outside: Place[] = [...WORLD4, ...((options.ipv6 ?? true) ? WORLD6 : [])].map((text) => ({
    kind: 'world',
    addr: parseAddr(text),
  }));
  const nodes: Place[] = world.nodes.flatMap((node) =>
    families(node.addrs, options).map((addr): Place => ({ kind: 'node', node, addr })),
  );
  const pods: Place[] = world.pods.flatMap((own) =>
    families(own.addrs, options).map((addr): Place => ({ kind: 'pod', pod: own, addr })),
  );
  const protocol = fc.constantFrom(...TRANSPORTS, PROTOCOL_NUMBERS.ICMP);
  return fc
    .tuple(
      fc.constantFrom(...pods),
      fc.constantFrom(...pods, ...pods, ...nodes, ...outside),
      fc.boolean(),
      protocol,
      fc.constantFrom(...PORTS),
    )
    .map(([own, other, outgoing, number, port]) => {
      const peer = family(own.addr) === family(other.addr) ? other : own;
      const [from, to] = outgoing ? [own, peer] : [peer, own];
      return { from, to, protocol: number, port: number === PROTOCOL_NUMBERS.ICMP ? 0x0800 : port };
    });
}

/** A world and connections in it. */
export function arbitraryCase(options: ArbitraryOptions = {}): fc.Arbitrary<ArbitraryCase> {
  // Without a bias: fast-check's taste for small values makes worlds where nearly everything is allowed by default.
  return fc.noBias(arbitraryWorld(options)).chain((world) =>
    fc
      .array(fc.noBias(arbitraryFlow(world, options)), {
        minLength: options.flows ?? 50,
        maxLength: options.flows ?? 50,
      })
      .map((flows) => ({ world, flows })),
  );
}

const family = (addr: Addr): 4 | 6 => (addr.includes(':') ? 6 : 4);

function families(addrs: readonly Addr[], options: ArbitraryOptions): Addr[] {
  return addrs.filter((addr) => (options.ipv6 ?? true) || family(addr) === 4);
}
