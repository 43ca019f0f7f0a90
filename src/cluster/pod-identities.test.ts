import { describe, expect, it } from 'vitest';
import { namespacedName } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { NumberedCluster } from '../identity/numbers-testkit.ts';
import { labelSelector } from '../model/index.ts';
import type { SelectedLabel } from '../policy/index.ts';
import { Table } from '../table/index.ts';
import type { IdentityRow } from './identity-row.ts';
import { Intent } from './intent.ts';
import { PodIdentities } from './pod-identities.ts';
import { namespaceRow, podRow } from './samples.ts';
import type { Meeting } from './told-labels.ts';

function scene(numbers = 10) {
  const intent = new Intent();
  const cluster = new NumberedCluster({ first: 256, last: 255 + numbers });
  const allocator = cluster.join('node-1', new FakeClock());
  const selected = new Table<SelectedLabel>(({ id }) => id);
  const identities = new PodIdentities({ intent, allocator, cluster: 'default', selected });
  const reader = identities.rows.reader();
  let meeting: Meeting | undefined;
  /** As one pass of an engine. */
  const follow = () => {
    identities.follow(meeting);
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
    selected,
    meet: (next: Meeting) => {
      meeting = next;
    },
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

describe('a label that its controller makes different for each pod', () => {
  const KEY = 'statefulset.kubernetes.io/pod-name';
  const label = (home: string | undefined, namespace: SelectedLabel['namespace']): SelectedLabel => ({
    id: JSON.stringify([home, namespace.name, namespace.selector?.key]),
    key: KEY,
    home,
    namespace,
  });
  const team = (name: string) => ({ selector: labelSelector({ matchLabels: { team: name } }) });

  async function set() {
    const made = scene(20);
    const { intent, settle, at } = made;
    intent.namespaces.set(namespaceRow('shop', { team: 'red' }));
    for (const name of ['db-0', 'db-1']) intent.pods.set(podRow(name, { app: 'db', [KEY]: name }));
    await settle();
    return { ...made, areApart: () => numberOf(at('db-0')) !== numberOf(at('db-1')) };
  }

  it('is no part of who they are while no policy that may select them asks for it', async () => {
    const { areApart, selected, settle, meet } = await set();
    expect(areApart()).toBe(false);
    const others = [label('bank', { name: 'bank' }), label('bank', team('blue')), label(undefined, { name: 'bank' })];
    for (const one of others) selected.set(one);
    expect(await settle()).toEqual([]);
    expect(areApart()).toBe(false);
    meet({ mayMeet: () => false });
    selected.set(label('bank', {}));
    expect(await settle()).toEqual([]);
    expect(areApart()).toBe(false);
  });

  it.each<[string, SelectedLabel]>([
    ['of its own namespace', label('shop', { name: 'shop' })],
    ['that selects it by its name', label('bank', { name: 'shop' })],
    ['that selects its namespace by a label', label('bank', team('red'))],
    ['that selects all', label('bank', {})],
    ['of the whole cluster', label(undefined, team('red'))],
  ])('is when there is a policy %s, and is not when that is gone', async (_what, one) => {
    const { areApart, selected, settle } = await set();
    selected.set(one);
    expect(await settle()).toEqual(['shop/db-0', 'shop/db-1']);
    expect(areApart()).toBe(true);
    selected.delete(one.id);
    await settle();
    expect(areApart()).toBe(false);
  });

  it('is when their namespace gets to be one that is selected, or the two come together', async () => {
    const { areApart, selected, settle, intent, meet } = await set();
    selected.set(label('bank', team('blue')));
    await settle();
    intent.namespaces.set(namespaceRow('shop', { team: 'blue' }));
    meet({ mayMeet: () => false });
    await settle();
    expect(areApart()).toBe(false);
    meet({ mayMeet: (one, other) => one === 'bank' && other === 'shop' });
    await settle();
    expect(areApart()).toBe(true);
  });

  it('is told of to a selector where all that it could select tell of it', async () => {
    const { identities, selected, settle } = await set();
    const pods = labelSelector({ matchExpressions: [{ key: KEY, operator: 'Exists' }] });
    const untold = (namespace: SelectedLabel['namespace'], home: string | undefined) =>
      identities.untold({ kind: 'pods', namespace, pods }, home);
    selected.set(label('bank', team('red')));
    await settle();
    expect([untold(team('red'), 'bank'), untold(team('red'), 'shop'), untold({}, 'bank')]).toEqual([[], [KEY], [KEY]]);
    selected.set(label('bank', {}));
    await settle();
    expect([untold({ name: 'shop' }, 'bank'), untold({}, 'bank'), untold({}, 'shop')]).toEqual([[], [], [KEY]]);
  });
});
