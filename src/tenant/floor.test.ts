import fc from 'fast-check';
import { expect, test } from 'vitest';
import { askOracle, type FloorEnd } from '../../test/policy-cases/floor-oracle.ts';
import {
  type Identity,
  identityId,
  labelMap,
  RESERVED_NAME,
  type ReservedName,
  TENANT_METADATA,
  TENANT_NODES,
  TENANT_WORLDS,
} from '../model/index.ts';
import { type Addr, METADATA_ADDRESSES, Prefix, parseAddr } from '../net/index.ts';
import { askFloor } from './ask.ts';
import { floorRow } from './floor.ts';
import { Membership, type TenancySettings } from './membership.ts';
import { tenantNumber } from './number.ts';
import { judgeRows, type KernelEnd, SYSTEM_SERVICES, tenantRow } from './testkit.ts';

const NAMESPACES = ['a', 'a-1', 'a-2', 'ab', 'b', 'b-1', 'c', 'kube-system', 'kube-public'];
const PREFIXES = ['a', 'a-', 'a-1', 'b-', 'c', 'kube-', 'nobody-'];
const OTHERS: readonly ReservedName[] = ['host', 'remote-node', 'kube-apiserver', 'world', 'unmanaged'];

const CIDRS = ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '169.254.0.0/16', '0.0.0.0/0', '::/0', 'fd00::/8'].map(
  (text) => Prefix.parse(text),
);
const ADDRESSES = ['10.0.0.1', '10.1.0.1', '10.1.2.3', '192.0.2.1', 'fd00::1', '2001:db8::1'].map(parseAddr);

const tenants = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('red', 'green', 'blue', 'system'),
    names: fc.subarray(NAMESPACES),
    prefix: fc.option(fc.constantFrom(...PREFIXES), { nil: undefined }),
    world: fc.constantFrom(...TENANT_WORLDS),
    nodes: fc.constantFrom(...TENANT_NODES),
    cidrs: fc.subarray(CIDRS),
    metadata: fc.constantFrom(...TENANT_METADATA),
    closed: fc.option(fc.constantFrom('it is being deleted', 'not understood'), { nil: undefined, freq: 8 }),
  }),
  { selector: ({ name }) => name },
);
const settings = fc.record({
  unassigned: fc.constantFrom<'Open' | 'Closed'>('Open', 'Closed'),
  systemNamespaces: fc.constantFrom<readonly string[]>(['kube-system'], []),
  systemServices: fc.constant(SYSTEM_SERVICES),
});
const address = fc.constantFrom(...ADDRESSES, ...METADATA_ADDRESSES);
const end = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NAMESPACES).map((namespace) => ({ namespace })) },
  { weight: 1, arbitrary: fc.record({ reserved: fc.constantFrom(...OTHERS), addr: address }) },
);
type End = { readonly namespace: string } | { readonly reserved: ReservedName; readonly addr: Addr };
const oracleEnd = (one: End): FloorEnd =>
  'reserved' in one ? one : { namespace: one.namespace, labels: labelMap(), namedPorts: [] };

const identityOf = (one: End): Identity =>
  'reserved' in one
    ? { kind: 'reserved', id: identityId(RESERVED_NAME[one.reserved]), name: one.reserved }
    : {
        kind: 'pod',
        id: identityId(300),
        workload: {
          cluster: 'default',
          namespace: one.namespace,
          serviceAccount: 'default',
          // Whatever a pod says of itself.
          labels: labelMap({ tenant: 'red', 'membrane.io/tenant': 'red' }),
          namespaceLabels: labelMap({ tenant: 'red', 'kubernetes.io/metadata.name': 'a' }),
          namedPorts: [],
        },
      };

test('the rows of the kernel, what users are told and the documentation say the same, in 20,000 worlds', () => {
  let refused = 0;
  const reasons = new Map<string, number>();
  fc.assert(
    fc.property(tenants, settings, end, end, (drawn, chosen, from, to) => {
      const rows = drawn.map(({ name, names, prefix, world, nodes, cidrs, metadata, closed }) =>
        tenantRow(name, {
          claims: { names, prefix },
          boundary: { world, nodes },
          world: { cidrs, metadata },
          closed,
          isLeaving: closed === 'it is being deleted',
        }),
      );
      const membership = new Membership(rows, chosen);
      const kernel = (one: End): KernelEnd =>
        'reserved' in one ? one : { row: floorRow(membership.of(one.namespace), chosen.unassigned) };
      const said = { tenants: rows, settings: chosen, services: [], now: 0 };
      const wanted = askOracle(said, oracleEnd(from), oracleEnd(to), { protocol: 'TCP', port: 80 }) === 'open';
      const other = 'reserved' in from ? from : to;
      const addr = 'reserved' in other ? other.addr : undefined;
      const question = { opener: identityOf(from), responder: identityOf(to), addr };
      const told = askFloor(question, membership);
      expect(told === undefined).toBe(wanted);
      const isListed = (number: bigint, asked: Addr): boolean =>
        rows.some(({ name, world }) => tenantNumber(name) === number && world.cidrs.some((one) => one.contains(asked)));
      expect(judgeRows(kernel(from), kernel(to), () => false, isListed)).toBe(told?.reason);
      const shared = askFloor({ ...question, isShared: () => true }, membership);
      expect(judgeRows(kernel(from), kernel(to), () => true, isListed)).toBe(shared?.reason);
      if (told !== undefined) reasons.set(told.reason, (reasons.get(told.reason) ?? 0) + 1);
      refused += wanted ? 0 : 1;
    }),
    { numRuns: 20_000 },
  );
  expect(refused).toBeGreaterThan(2_000);
  expect(Math.min(reasons.get('tenant-world') ?? 0, reasons.get('tenant-metadata') ?? 0)).toBeGreaterThan(0);
});

test('without a Tenant everybody is together', () => {
  const chosen: TenancySettings = {
    unassigned: 'Open',
    systemNamespaces: ['kube-system'],
    systemServices: SYSTEM_SERVICES,
  };
  const membership = new Membership([], chosen);
  const rows = new Set(NAMESPACES.map((namespace) => floorRow(membership.of(namespace), chosen.unassigned)));
  expect(rows.size).toBe(1);
});
