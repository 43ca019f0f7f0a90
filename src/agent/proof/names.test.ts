import { expect, test } from 'vitest';
import { namespacedName } from '../../base/index.ts';
import { reservedIdentity } from '../../identity/index.ts';
import { samplePod } from '../../identity/samples.ts';
import type { Identity, IdentityId } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { seenName } from './names.ts';

const peer = { identity: 300 as IdentityId, cidr: 0 as IdentityId, addr: parseAddr('10.0.0.7') };
const sees = (namespace: string): boolean => namespace === 'shop';
const nameOf = (identity: Identity | undefined, pod?: Parameters<typeof seenName>[2]) =>
  seenName(peer, identity, pod, sees);

test('who sees some namespaces is told of no pod of another, and not where prefixes of policies end', () => {
  const own = samplePod(300, { namespace: 'shop' });
  expect(nameOf(own, namespacedName({ namespace: 'shop', name: 'web' }))).toBe('shop/web (identity 300)');
  expect(nameOf(own)).toMatch(/^pods of shop/);
  expect(nameOf(samplePod(300, { namespace: 'bank' }))).toBeUndefined();
  expect(nameOf(undefined)).toBeUndefined();
  const cidr = { kind: 'cidr', id: 300, prefix: Prefix.parse('10.0.0.0/8') } as unknown as Identity;
  expect(nameOf(cidr)).toBeUndefined();
  expect(nameOf(reservedIdentity(2 as IdentityId))).toBe('world');
});
