import { describe, expect, it } from 'vitest';
import { namespacedName } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { NumberedCluster } from '../identity/numbers-testkit.ts';
import type { IdentityRow } from './identity-row.ts';
import { Intent } from './intent.ts';
import { PodIdentities } from './pod-identities.ts';
import { namespaceRow, podRow } from './samples.ts';

function scene(numbers = 10) {
  const intent = new Intent();
  const cluster = new NumberedCluster({ first: 256, last: 255 + numbers });
  const allocator = cluster.join('node-1', new FakeClock());
  const identities = new PodIdentities({ intent, allocator, cluster: 'default' });
  const reader = identities.rows.reader();
  /** As one pass of an engine. */
  const follow = (selectedKeys: readonly string[] = []) => {
    identities.follow(new Set(selectedKeys));
    allocator.expire();
    allocator.settle();
    return [...reader.drain()];
  };
  const settle = async (): Promise<string[]> => {
    const changed = new Set<string>();
    do for (const pod of follow()) changed.add(pod);
    while (await cluster.settle());
    return [...changed];
  };
  intent.namespaces.set(namespaceRow('shop'));
  return {
    intent,
    allocator,
    identities,
    follow,
    settle,
    at: (name: string) => identities.rows.get(namespacedName({ namespace: 'shop', name })),
  };
}

/** Its number. */
const numberOf = (row: IdentityRow | undefined) =>
  row?.state === 'assigned' ? row.identity.id : expect.fail(`it is ${row?.state}`);

describe('the row of a pod’s identity', () => {
  it('is there when pod and namespace are, and gone with the pod’s own packets', async () => {
    const { intent, settle, at, allocator } = scene();
    intent.pods.set(podRow('web', { app: 'web' }));
    intent.pods.set(podRow('stray', {}, { namespace: 'nowhere' }));
    intent.pods.set(podRow('node', {}, { hostNetwork: true }));
    expect(await settle()).toEqual(['shop/web']);
    const id = numberOf(at('web'));
    expect(allocator.users(id)).toBe(1);
    intent.pods.set(podRow('web', { app: 'web' }, { phase: 'Succeeded' }));
    expect(await settle()).toEqual(['shop/web']);
    expect(at('web')).toBeUndefined();
    expect(allocator.users(id)).toBe(0);
  });

  it('does not change with what is no part of who the pod is', async () => {
    const { intent, settle } = scene();
    intent.pods.set(podRow('web', { app: 'web' }));
    await settle();
    intent.pods.set(podRow('web', { app: 'web' }, { podIPs: ['10.244.1.2'] }));
    expect(await settle()).toEqual([]);
  });

  it('follows the namespace', async () => {
    const { intent, settle, at } = scene();
    intent.pods.set(podRow('web'));
    await settle();
    const before = numberOf(at('web'));
    intent.namespaces.set(namespaceRow('shop', { team: 'red' }));
    expect(await settle()).toEqual(['shop/web']);
    expect(numberOf(at('web'))).not.toBe(before);
    intent.namespaces.delete(namespacedName({ name: 'shop' }));
    await settle();
    expect(at('web')).toBeUndefined();
  });

  it('is pending while a number is asked for, and refused when there is none; it never keeps the former one', async () => {
    const { intent, follow, settle, at } = scene(1);
    intent.pods.set(podRow('web', { app: 'web' }));
    follow();
    expect(at('web')).toMatchObject({ state: 'pending', why: expect.stringContaining('E_IDENTITY_ASKED') });
    await settle();
    const id = numberOf(at('web'));
    intent.pods.set(podRow('late', { app: 'late' }));
    expect(await settle()).toEqual(['shop/late']);
    expect(at('late')).toMatchObject({ state: 'refused', why: expect.stringContaining('E_IDENTITY_EXHAUSTED') });
    intent.pods.delete(namespacedName({ namespace: 'shop', name: 'late' }));
    intent.pods.set(podRow('web', { app: 'other' }));
    follow();
    expect(at('web')).toMatchObject({ state: 'refused' });
    await settle();
    expect(at('web')).toMatchObject({
      state: 'assigned',
      identity: { id, workload: { labels: new Map([['app', 'other']]) } },
    });
  });

  it('asks again by itself, and says nothing new while the answer is the same', async () => {
    const { intent, settle, identities, at } = scene(1);
    intent.pods.set(podRow('web', { app: 'web' }));
    await settle();
    intent.pods.set(podRow('late', { app: 'late' }));
    await settle();
    expect(identities.waiting.map(({ pod }) => pod)).toEqual(['shop/late']);
    expect(await settle()).toEqual([]);
    intent.pods.delete(namespacedName({ namespace: 'shop', name: 'web' }));
    expect(await settle()).toEqual(['shop/web', 'shop/late']);
    expect(at('late')).toMatchObject({ state: 'assigned' });
    expect(identities.waiting.length).toBe(0);
  });
});
