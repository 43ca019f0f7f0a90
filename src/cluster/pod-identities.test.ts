import { describe, expect, it } from 'vitest';
import { namespacedName } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { IdentityAllocator } from '../identity/index.ts';
import { Intent } from './intent.ts';
import { PodIdentities } from './pod-identities.ts';
import { namespaceRow, podRow } from './samples.ts';

function scene(numbers = 10) {
  const intent = new Intent();
  const allocator = new IdentityAllocator({ clock: new FakeClock(), range: { first: 256, last: 255 + numbers } });
  const identities = new PodIdentities({ intent, allocator, cluster: 'default' });
  const reader = identities.rows.reader();
  const follow = (selectedKeys: readonly string[] = []) => {
    identities.follow(new Set(selectedKeys));
    return [...reader.drain()];
  };
  intent.namespaces.set(namespaceRow('shop'));
  return {
    intent,
    allocator,
    identities,
    follow,
    at: (name: string) => identities.rows.get(namespacedName({ namespace: 'shop', name })),
  };
}

describe('the row of a pod’s identity', () => {
  it('is there when pod and namespace are, and gone with the pod’s own packets', () => {
    const { intent, follow, at, allocator } = scene();
    intent.pods.set(podRow('web', { app: 'web' }));
    intent.pods.set(podRow('stray', {}, { namespace: 'nowhere' }));
    intent.pods.set(podRow('node', {}, { hostNetwork: true }));
    expect(follow()).toEqual(['shop/web']);
    expect(at('web')).toMatchObject({ state: 'assigned', identity: { id: 256 } });
    intent.pods.set(podRow('web', { app: 'web' }, { phase: 'Succeeded' }));
    expect(follow()).toEqual(['shop/web']);
    expect(at('web')).toBeUndefined();
    expect(allocator.users(allocator.identities()[0]?.id ?? expect.fail())).toBe(0);
  });

  it('does not change with what is no part of who the pod is', () => {
    const { intent, follow } = scene();
    intent.pods.set(podRow('web', { app: 'web' }));
    follow();
    intent.pods.set(podRow('web', { app: 'web' }, { podIPs: ['10.244.1.2'] }));
    expect(follow()).toEqual([]);
  });

  it('follows the namespace', () => {
    const { intent, follow, at } = scene();
    intent.pods.set(podRow('web'));
    follow();
    intent.namespaces.set(namespaceRow('shop', { team: 'red' }));
    expect(follow()).toEqual(['shop/web']);
    expect(at('web')).toMatchObject({ identity: { id: 257 } });
    intent.namespaces.delete(namespacedName({ name: 'shop' }));
    follow();
    expect(at('web')).toBeUndefined();
  });

  it('is pending while a number rests, and refused when there is none; it never keeps the former one', () => {
    const { intent, allocator, follow, at } = scene(1);
    intent.pods.set(podRow('web', { app: 'web' }));
    follow();
    intent.pods.set(podRow('late', { app: 'late' }));
    expect(follow()).toEqual(['shop/late']);
    expect(at('late')).toMatchObject({ state: 'refused', why: expect.stringContaining('E_IDENTITY_EXHAUSTED') });
    intent.pods.delete(namespacedName({ namespace: 'shop', name: 'late' }));
    intent.pods.set(podRow('web', { app: 'other' }));
    follow();
    expect(at('web')).toMatchObject({ state: 'pending' });
    expect(allocator.expire()).toHaveLength(1);
    allocator.settle();
    expect(follow()).toEqual(['shop/web']);
    expect(at('web')).toMatchObject({ state: 'assigned', identity: { id: 256 } });
  });

  it('asks again by itself, and says nothing new while the answer is the same', () => {
    const { intent, follow, identities } = scene(1);
    intent.pods.set(podRow('web', { app: 'web' }));
    intent.pods.set(podRow('late', { app: 'late' }));
    follow();
    expect(identities.waiting.map(({ pod }) => pod)).toEqual(['shop/late']);
    expect(follow()).toEqual([]);
    intent.pods.delete(namespacedName({ namespace: 'shop', name: 'late' }));
    expect(follow()).toEqual(['shop/late']);
    expect(identities.waiting.length).toBe(0);
  });
});
