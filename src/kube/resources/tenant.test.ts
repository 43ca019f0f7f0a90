import { expect, test } from 'vitest';
import { NO_LIMITS } from '../../model/index.ts';
import { TENANT } from './tenant.ts';

const object = (spec: unknown, meta = {}) => ({ metadata: { name: 'shop', uid: 'u', ...meta }, spec });
const CLAIMS = { names: ['checkout'], prefix: 'shop-' };
const CLOSED = { world: 'Closed', nodes: 'ProbesOnly' };

test('what a Tenant leaves out is as closed as it can be', () => {
  expect(TENANT.parse(object({ namespaces: CLAIMS }))).toEqual({
    uid: 'u',
    namespace: '',
    generation: 0,
    name: 'shop',
    claims: CLAIMS,
    boundary: CLOSED,
    world: { cidrs: [], metadata: 'Never' },
    exports: [],
    imports: [],
    systemServices: ['dns'],
    limits: NO_LIMITS,
    peers: 'Hidden',
    mode: 'Enforce',
    closed: undefined,
    isLeaving: false,
  });
  expect(TENANT.parse(object({ namespaces: { prefix: 'shop-' }, boundary: { world: 'Open' } }))).toMatchObject({
    claims: { names: [], prefix: 'shop-' },
    boundary: { world: 'Open', nodes: 'ProbesOnly' },
  });
});

test('exports end at the beginning of the day that they say, and a selector is labels', () => {
  const exports = [
    { name: 'api', service: 'shop-web/api', ports: ['http', 8443], to: ['billing'], expires: '2027-01-01' },
  ];
  const imports = [
    { tenant: 'billing', export: 'ledger', for: { podSelector: { matchLabels: { app: 'api' } } } },
    { tenant: 'billing', export: 'all' },
  ];
  expect(TENANT.parse(object({ namespaces: CLAIMS, exports, imports, systemServices: [] }))).toMatchObject({
    exports: [{ ...exports[0], expires: Date.UTC(2027, 0, 1) }],
    imports: [
      { tenant: 'billing', export: 'ledger', labels: { app: 'api' } },
      { tenant: 'billing', export: 'all', labels: {} },
    ],
    systemServices: [],
  });
});

test('one that observes says so, and one that cannot be read enforces', () => {
  expect(TENANT.parse(object({ namespaces: CLAIMS, mode: 'Observe' })).mode).toBe('Observe');
  expect(TENANT.parse(object({ namespaces: CLAIMS, mode: 'Warn' })).mode).toBe('Warn');
  const unreadable = TENANT.parse(object({ namespaces: CLAIMS, mode: 'Observe', quarantine: true }));
  expect([unreadable.mode, unreadable.closed]).toEqual(['Enforce', expect.stringContaining('not understood')]);
});

test('one that would lift policies within it is closed, and says at which field', () => {
  const { closed } = TENANT.parse(object({ namespaces: CLAIMS, boundary: { inside: 'Allow' } }));
  expect(closed).toContain('spec.boundary.inside is not understood');
});

test('what it lists of the world is prefixes, as those of an ipBlock', () => {
  const cidrs = ['192.0.2.9/24', '::ffff:198.51.100.0/120', '2001:db8::/32'];
  const row = TENANT.parse(object({ namespaces: CLAIMS, boundary: { world: 'Listed' }, world: { cidrs } }));
  expect([row.closed, row.world.cidrs.map(String), row.world.metadata]).toEqual([
    undefined,
    ['192.0.2.0/24', '198.51.100.0/24', '2001:db8::/32'],
    'Never',
  ]);
});

test('a limit is of what it names, and of nothing else', () => {
  const limits = { connections: 0, newConnectionsPerSecond: 2_000, flowEventsPerSecond: 1_000 };
  expect(TENANT.parse(object({ namespaces: CLAIMS, limits }))).toMatchObject({
    closed: undefined,
    limits: { ...NO_LIMITS, ...limits },
  });
});

test('says what is seen of others', () => {
  const peersOf = (visibility: object) => TENANT.parse(object({ namespaces: CLAIMS, visibility }));
  expect(peersOf({})).toMatchObject({ closed: undefined, peers: 'Hidden' });
  expect(peersOf({ peers: 'TenantName' })).toMatchObject({ closed: undefined, peers: 'TenantName' });
  // Closed, and nothing is seen of it.
  for (const visibility of [{ peers: 'Everything' }, { peers: 'Full', services: 'Full' }])
    expect(peersOf(visibility)).toMatchObject({ closed: expect.stringContaining('visibility'), peers: 'Hidden' });
});

test.each([
  [
    'a selector of a newer version',
    { imports: [{ tenant: 'a', export: 'b', for: { podSelector: { matchExpressions: [] } } }] },
    'spec.imports.0.for.podSelector',
  ],
  [
    'a time that is none',
    { exports: [{ name: 'a', service: 'b/c', to: [], expires: 'soon' }] },
    'spec.exports.0.expires',
  ],
  ['a mode of a newer version', { mode: 'Rehearse' }, 'spec.mode'],
  ['a boundary of a newer version', { boundary: { world: 'Sometimes' } }, 'spec.boundary.world'],
  ['a prefix that is none', { world: { cidrs: ['192.0.2.0/24', 'fd00::1::/64'] } }, 'spec.world.cidrs.1'],
  ['a name of the world', { world: { names: ['example.org'] } }, 'spec.world'],
  ['what of metadata is not known', { world: { metadata: 'Maybe' } }, 'spec.world.metadata'],
  ['a limit of a newer version', { limits: { watts: 5 } }, 'spec.limits'],
  ['a limit that is none', { limits: { newConnectionsPerSecond: 0 } }, 'spec.limits.newConnectionsPerSecond'],
  ['what is not known at all', { quarantine: true }, 'spec'],
  ['a part of the boundary that is not known', { boundary: { moon: 'Closed' } }, 'spec.boundary'],
  ['another way to claim', { namespaces: { ...CLAIMS, selector: {} } }, 'spec.namespaces'],
])('one that says %s keeps what it claims, closed', (_what, more, path) => {
  const row = TENANT.parse(object({ namespaces: CLAIMS, ...more }));
  expect(row).toMatchObject({ claims: CLAIMS, boundary: CLOSED });
  expect(row.closed).toMatch(new RegExp(`^${path} is not understood: `));
});

test.each([
  ['nothing', undefined],
  ['no claims', {}],
  ['claims that are none', { namespaces: { names: [1] } }],
  ['an empty prefix', { namespaces: { prefix: '' } }],
])('of one that says %s nobody can say what it claims', (_what, spec) =>
  expect(TENANT.parse(JSON.parse(JSON.stringify(object(spec))))).toMatchObject({
    claims: undefined,
    closed: expect.any(String),
  }),
);

test('one that is being deleted is closed', () => {
  const row = TENANT.parse(object({ namespaces: CLAIMS }, { deletionTimestamp: '2026-01-01T00:00:00Z' }));
  expect(row).toMatchObject({ claims: CLAIMS, closed: 'it is being deleted', isLeaving: true });
});
