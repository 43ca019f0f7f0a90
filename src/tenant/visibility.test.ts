import { describe, expect, it, test } from 'vitest';
import { type PeerSight, TENANT_PEERS, type TenantPeers, type TenantRow } from '../model/index.ts';
import { Membership, type TenancySettings } from './membership.ts';
import { SYSTEM_SERVICES, tenantRow } from './testkit.ts';
import { seenPeer } from './visibility.ts';

const SETTINGS: TenancySettings = {
  unassigned: 'Open',
  systemNamespaces: ['kube-system'],
  systemServices: SYSTEM_SERVICES,
};
const HIDDEN: PeerSight = { peers: 'Hidden' };

const tenant = (name: string, peers: TenantPeers, more: Partial<TenantRow> = {}): TenantRow =>
  tenantRow(name, { claims: { names: [name], prefix: undefined }, peers, ...more });

const seen = (a: TenantPeers, b: TenantPeers): PeerSight =>
  seenPeer(new Membership([tenant('a', a), tenant('b', b)], SETTINGS), 'a', 'b');

describe('of a pod of another tenant is seen', () => {
  test.each(TENANT_PEERS)('nothing where one of both says so, and the other %s', (peers) => {
    expect([seen('Hidden', peers), seen(peers, 'Hidden')]).toEqual([HIDDEN, HIDDEN]);
  });

  it('whose it is where both say at least that, and who it is where both say so', () => {
    const name: PeerSight = { peers: 'TenantName', tenant: 'b' };
    expect(seen('TenantName', 'TenantName')).toEqual(name);
    expect(seen('Full', 'TenantName')).toEqual(name);
    expect(seen('TenantName', 'Full')).toEqual(name);
    expect(seen('Full', 'Full')).toEqual({ peers: 'Full' });
  });
});

test('within a tenant, between its namespaces, its own word counts', () => {
  const shop = tenant('shop', 'TenantName', { claims: { names: ['web', 'db'], prefix: undefined } });
  expect(seenPeer(new Membership([shop], SETTINGS), 'web', 'db')).toEqual({ peers: 'TenantName', tenant: 'shop' });
});

test('nothing is seen of who is of no tenant, closed, or the system, nor by him', () => {
  const closed = tenant('closed', 'Full', { closed: 'it says what is not understood' });
  const twice = [
    tenant('thief', 'Full', { claims: { names: ['claimed'], prefix: undefined } }),
    tenant('claimed', 'Full'),
  ];
  const membership = new Membership([tenant('a', 'Full'), closed, ...twice], SETTINGS);
  for (const other of ['closed', 'claimed', 'nobodys', 'kube-system', 'not-there'])
    expect([seenPeer(membership, 'a', other), seenPeer(membership, other, 'a')]).toEqual([HIDDEN, HIDDEN]);
  expect(seenPeer(membership, 'a', 'a')).toEqual({ peers: 'Full' });
});
