import { describe, expect, test } from 'vitest';
import { FakeClock } from '../base/testkit.ts';
import { identityId } from '../model/index.ts';
import { IdentityAllocator } from './allocator.ts';
import { sampleWorkload } from './samples.ts';

const web = sampleWorkload({ app: 'web' });
const db = sampleWorkload({ app: 'db' });
const cache = sampleWorkload({ app: 'cache' });
const code = (name: string) => expect.objectContaining({ code: name });

/** As an engine does it: what is forgotten leaves the kernel, then its number is free. */
function pass(allocator: IdentityAllocator): number[] {
  const gone = allocator.expire().map(({ id }) => Number(id));
  allocator.settle();
  return gone;
}

function make(size = 3, grace = 1000) {
  const clock = new FakeClock(5);
  return { clock, allocator: new IdentityAllocator({ clock, grace, range: { first: 256, last: 255 + size } }) };
}

describe('allocation', () => {
  test('replicas share a number, others get their own, in the default range', () => {
    const allocator = new IdentityAllocator();
    const first = allocator.acquire(web);
    expect(first.id).toBe(256);
    expect(allocator.acquire({ ...web, labels: new Map(web.labels) })).toBe(first);
    expect(allocator.acquire(db).id).toBe(257);
    expect(allocator.users(first.id)).toBe(2);
  });

  test('a number stays with its workload for the grace period', async () => {
    const { allocator, clock } = make();
    const { id } = allocator.acquire(web);
    allocator.release(id);
    await clock.advance(999);
    expect(allocator.expire()).toEqual([]);
    expect(allocator.acquire(web).id).toBe(id);
    await clock.advance(5000);
    expect(allocator.expire()).toEqual([]);
    allocator.release(id);
    await clock.advance(1000);
    expect(allocator.expire().map((identity) => identity.id)).toEqual([id]);
    expect(allocator.get(id)).toBeUndefined();
  });

  test('numbers go round: one that came free is not the next one given', async () => {
    const { allocator, clock } = make();
    const { id } = allocator.acquire(web);
    allocator.release(id);
    await clock.advance(1000);
    pass(allocator);
    expect(allocator.acquire(web).id).toBe(257);
    expect(allocator.acquire(db).id).toBe(258);
    expect(allocator.acquire(cache).id).toBe(256);
  });

  test('exhaustion harms nobody else, and ends with the first number that rests', () => {
    const { allocator } = make(2);
    const first = allocator.acquire(web);
    allocator.acquire(db);
    expect(() => allocator.acquire(cache)).toThrow(code('E_IDENTITY_EXHAUSTED'));
    expect(allocator.acquire(web)).toBe(first);
    allocator.release(first.id);
    expect(() => allocator.acquire(cache)).toThrow(code('E_IDENTITY_EXHAUSTED'));
    allocator.release(first.id);
    expect(() => allocator.acquire(cache)).toThrow(code('E_IDENTITY_RESTING'));
    expect(() => allocator.acquire({ ...cache, namespace: 'b' })).toThrow(code('E_IDENTITY_EXHAUSTED'));
    expect(pass(allocator)).toEqual([first.id]);
    expect(allocator.acquire(cache).id).toBe(first.id);
    expect(pass(allocator)).toEqual([]);
  });

  test('a number that is forgotten means nobody until the kernel has forgotten it, too', async () => {
    const { allocator, clock } = make(1);
    const { id } = allocator.acquire(web);
    allocator.release(id);
    await clock.advance(1000);
    expect(allocator.expire()).toHaveLength(1);
    expect(() => allocator.acquire(db)).toThrow(code('E_IDENTITY_RESTING'));
    expect(allocator.expire()).toHaveLength(1);
    expect(allocator.settle()).toBe(true);
    expect(allocator.settle()).toBe(false);
    expect(allocator.acquire(db).id).toBe(id);
  });

  test('a release without an acquire is an error', () => {
    const { allocator } = make();
    const { id } = allocator.acquire(web);
    allocator.release(id);
    expect(() => allocator.release(id)).toThrow(code('E_IDENTITY_UNKNOWN'));
    expect(() => allocator.release(identityId(999))).toThrow(code('E_IDENTITY_UNKNOWN'));
  });
});

describe('a namespace that has a new identity every moment', () => {
  const relabelled = (index: number) => sampleWorkload({ namespace: 'flood', app: `v${index}` });

  /** What a pass does for a pod that found no number. */
  function relabel(allocator: IdentityAllocator, index: number) {
    try {
      return allocator.acquire(relabelled(index)).id;
    } catch {
      pass(allocator);
      return allocator.acquire(relabelled(index)).id;
    }
  }

  test('keeps no other from a number, with none of its own numbers expired', () => {
    const allocator = new IdentityAllocator({ namespaceShare: 0.1 });
    let id = allocator.acquire(relabelled(0)).id;
    for (let index = 1; index < 70_000; index += 1) {
      const next = relabel(allocator, index);
      allocator.release(id);
      id = next;
    }
    expect(allocator.identities()).toHaveLength(6_528);
    expect(allocator.acquire(web).workload).toBe(web);
  });

  test('is refused what is above its share, and others are not', () => {
    const clock = new FakeClock(5);
    const allocator = new IdentityAllocator({ clock, range: { first: 256, last: 265 }, namespaceShare: 0.2 });
    allocator.acquire(relabelled(0));
    const { id } = allocator.acquire(relabelled(1));
    expect(() => allocator.acquire(relabelled(2))).toThrow(code('E_IDENTITY_SHARE'));
    expect(allocator.acquire(web).id).toBe(258);
    allocator.release(id);
    expect(() => allocator.acquire(relabelled(2))).toThrow(code('E_IDENTITY_RESTING'));
    expect(() => allocator.acquire(relabelled(3))).toThrow(code('E_IDENTITY_SHARE'));
    expect(pass(allocator)).toEqual([id]);
    expect(allocator.acquire(relabelled(2)).id).toBe(259);
    expect(allocator.get(id)).toBeUndefined();
  });

  test('gives up what it lets rest, before another’s rest is touched', () => {
    const { allocator } = make(4);
    const mine = allocator.acquire(web).id;
    for (const index of [0, 1]) allocator.release(allocator.acquire(relabelled(index)).id);
    allocator.release(mine);
    allocator.acquire({ ...db, namespace: 'other' });
    expect(() => allocator.acquire({ ...cache, namespace: 'third' })).toThrow(code('E_IDENTITY_RESTING'));
    expect(pass(allocator)).toEqual([257]);
    expect(allocator.acquire({ ...cache, namespace: 'third' }).id).toBe(257);
    expect(allocator.acquire(web).id).toBe(mine);
  });
});

describe('changes', () => {
  test('say what each number means since they were saved', () => {
    const { allocator } = make(1);
    const { id } = allocator.acquire(web);
    expect([...allocator.changes]).toEqual([[id, expect.objectContaining({ id: Number(id), labels: { app: 'web' } })]]);
    allocator.saved();
    allocator.acquire(web);
    expect(allocator.changes.size).toBe(0);
    allocator.release(id);
    allocator.release(id);
    expect(() => allocator.acquire(db)).toThrow(code('E_IDENTITY_RESTING'));
    pass(allocator);
    expect([...allocator.changes]).toEqual([[id, undefined]]);
    allocator.acquire(db);
    expect([...allocator.changes]).toEqual([[id, expect.objectContaining({ labels: { app: 'db' } })]]);
  });
});

describe('restart', () => {
  test('numbers survive, through JSON, and are given up when nobody claims them', async () => {
    const before = make();
    before.allocator.acquire(web);
    before.allocator.acquire({ ...db, namedPorts: [{ name: 'sql', protocol: 'TCP', port: 5432 }] });
    const snapshot: unknown = JSON.parse(JSON.stringify(before.allocator.snapshot()));

    const { allocator, clock } = make();
    allocator.restore(snapshot);
    expect(allocator.acquire({ ...db, namedPorts: [{ name: 'sql', protocol: 'TCP', port: 5432 }] }).id).toBe(257);
    expect(allocator.acquire(cache).id).toBe(258);
    await clock.advance(1000);
    expect(allocator.expire().map(({ id }) => id)).toEqual([256]);
  });

  test.each([
    ['nonsense', 'no'],
    ['a number out of range', { ...one(9) }],
    [
      'a number twice',
      { ...one(256), identities: [...one(256).identities, { ...one(256).identities[0], namespace: 'b' }] },
    ],
    ['a workload twice', { ...one(256), identities: [...one(256).identities, { ...one(256).identities[0], id: 257 }] }],
  ])('%s is refused and leaves the allocator empty', (_, snapshot) => {
    const { allocator } = make();
    expect(() => allocator.restore(snapshot)).toThrow(code('E_IDENTITY_SNAPSHOT'));
    expect(allocator.identities()).toEqual([]);
    expect(allocator.acquire(web).id).toBe(256);
  });
});

function one(id: number) {
  const facts = { namespace: 'a', namespaceLabels: {}, labels: {}, serviceAccount: 's', cluster: 'c', namedPorts: [] };
  return { next: 256, identities: [{ id, ...facts }] };
}
