import { describe, expect, it, test } from 'vitest';
import type { TenantRow } from '../model/index.ts';
import { Membership, type TenancySettings } from './membership.ts';
import { SYSTEM_TENANT, tenantNumber } from './number.ts';
import { SYSTEM_SERVICES, tenantRow } from './testkit.ts';

const OPEN: TenancySettings = {
  unassigned: 'Open',
  systemNamespaces: ['kube-system'],
  systemServices: SYSTEM_SERVICES,
};
const claim = (name: string, names: readonly string[], prefix?: string) =>
  tenantRow(name, { claims: { names, prefix } });
const whose = (membership: Membership, namespace: string): string => {
  const found = membership.of(namespace);
  return found.state === 'tenant' ? found.tenant.name : found.state;
};

describe('Membership', () => {
  const shop = claim('shop', ['checkout'], 'shop-');
  const billing = claim('billing', ['ledger'], 'billing-');

  test.each([
    ['checkout', 'shop'],
    ['shop-web', 'shop'],
    ['shop-', 'shop'],
    ['shop', 'unassigned'],
    ['shopping', 'unassigned'],
    ['my-shop-web', 'unassigned'],
    ['ledger', 'billing'],
    ['billing-api', 'billing'],
    ['kube-system', 'system'],
    ['', 'unassigned'],
    ['constructor', 'unassigned'],
  ])('%s is of %s', (namespace, owner) => expect(whose(new Membership([shop, billing], OPEN), namespace)).toBe(owner));

  it('closes what two claim, and says who, and nothing else of theirs', () => {
    const thief = claim('thief', ['shop-web', 'thief']);
    const membership = new Membership([shop, thief], OPEN);
    expect(membership.of('shop-web')).toEqual({
      state: 'closed',
      tenants: ['shop', 'thief'],
      why: 'namespace shop-web is claimed by tenants shop, thief',
    });
    expect([whose(membership, 'shop-db'), whose(membership, 'thief')]).toEqual(['shop', 'thief']);
  });

  it('closes what two prefixes claim, one in the other', () => {
    const membership = new Membership([shop, claim('db', [], 'shop-db-')], OPEN);
    expect([whose(membership, 'shop-db-1'), whose(membership, 'shop-db')]).toEqual(['closed', 'shop']);
  });

  it('takes one that its own tenant claims twice for that one’s', () => {
    expect(whose(new Membership([claim('shop', ['shop-web', 'shop-web'], 'shop-')], OPEN), 'shop-web')).toBe('shop');
  });

  it('says who may meet: whoever is together, and whoever shares something, on both sides', () => {
    const sharing = {
      ...billing,
      exports: [{ name: 'api', service: 'ledger/api' as never, ports: undefined, to: ['shop'], expires: undefined }],
      systemServices: [],
    };
    const using = { ...shop, imports: [{ tenant: 'billing', export: 'api', labels: {} }] };
    const meet = (tenants: readonly TenantRow[], one: string, other: string): boolean => {
      const membership = new Membership(tenants, OPEN);
      expect(membership.mayMeet(other, one)).toBe(membership.mayMeet(one, other));
      return membership.mayMeet(one, other);
    };
    expect([meet([], 'checkout', 'ledger'), meet([], 'kube-system', 'ledger')]).toEqual([true, true]);
    const both = [shop, sharing];
    expect([meet(both, 'checkout', 'shop-web'), meet(both, 'checkout', 'ledger')]).toEqual([true, false]);
    expect([meet(both, 'checkout', 'plain'), meet(both, 'plain', 'other')]).toEqual([false, true]);
    expect([meet(both, 'checkout', 'kube-system'), meet(both, 'ledger', 'kube-system')]).toEqual([true, false]);
    expect(meet([using, sharing], 'checkout', 'ledger'), 'exported and imported').toBe(true);
    expect(meet([using, billing], 'checkout', 'ledger'), 'imported only').toBe(false);
    const thief = claim('thief', ['checkout']);
    expect([meet([shop, thief], 'checkout', 'shop-web'), meet([shop, thief], 'checkout', 'plain')]).toEqual([
      false,
      false,
    ]);
  });

  it('gives nobody a namespace of the system', () => {
    const membership = new Membership([claim('thief', ['kube-system'], 'kube-')], OPEN);
    expect([whose(membership, 'kube-system'), whose(membership, 'kube-public')]).toEqual(['system', 'thief']);
  });

  it('closes what nobody claims where that is said', () => {
    const membership = new Membership([shop], { ...OPEN, unassigned: 'Closed' });
    expect(membership.of('other')).toMatchObject({ state: 'closed', why: 'no tenant claims namespace other' });
    expect(whose(membership, 'kube-system')).toBe('system');
    expect(new Membership([], { ...OPEN, unassigned: 'Closed' }).isTrivial).toBe(false);
  });

  it('closes what a tenant claims that is being deleted or not understood', () => {
    const leaving = { ...shop, closed: 'it is being deleted', isLeaving: true };
    const membership = new Membership([leaving], OPEN);
    expect(membership.of('shop-web')).toMatchObject({ why: 'tenant shop is closed: it is being deleted' });
    expect(whose(membership, 'other')).toBe('unassigned');
    const heir = new Membership([leaving, claim('heir', ['shop-web'])], OPEN);
    expect([whose(heir, 'shop-web'), whose(heir, 'shop-db')], 'but for what another claims').toEqual([
      'heir',
      'closed',
    ]);
  });

  it('closes everything that is not claimed while nobody can say what one claims', () => {
    const membership = new Membership([shop, tenantRow('newer', { claims: undefined })], OPEN);
    expect([whose(membership, 'other'), whose(membership, 'shop-web')]).toEqual(['closed', 'shop']);
  });

  it('closes a tenant that calls itself the system', () => {
    expect(whose(new Membership([claim(SYSTEM_TENANT, ['mine'])], OPEN), 'mine')).toBe('closed');
  });

  it('closes two tenants whose names have one number, by which the kernel could not tell them apart', () => {
    const twins = ['team-9979267', 'team-16541558'] as const;
    expect(tenantNumber(twins[0])).toBe(tenantNumber(twins[1]));
    const both = new Membership([claim(twins[0], ['a']), claim(twins[1], ['b']), claim('shop', ['c'])], OPEN);
    expect(['a', 'b', 'c'].map((namespace) => whose(both, namespace))).toEqual(['closed', 'closed', 'shop']);
    expect(whose(new Membership([claim(twins[0], ['a'])], OPEN), 'a')).toBe(twins[0]);
  });

  it('closes what a tenant without claims to anything would have: nothing', () => {
    expect(whose(new Membership([claim('none', [], '')], OPEN), 'other')).toBe('unassigned');
  });
});

test('numbers follow from names', () => {
  expect(tenantNumber('shop')).toBe(tenantNumber('shop'));
  const numbers = new Set(Array.from({ length: 20_000 }, (_, i) => tenantNumber(`t${i}`)));
  expect(numbers.size).toBe(20_000);
  expect(Array.from(numbers).every((number) => number > 1n && number < 1n << 48n)).toBe(true);
});
