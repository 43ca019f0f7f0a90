import { describe, expect, it } from 'vitest';
import { type IdentityId, type Workload, workloadKey } from '../model/index.ts';
import { StoredObjects } from './objects-testkit.ts';
import { placeIdentity } from './placement.ts';
import { probes } from './probes.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';
import { sampleWorkload } from './samples.ts';

describe('the numbers that a workload may have', () => {
  it('are all of a small range, each once, and others for another workload', () => {
    const range = { first: 256, last: 256 + 59 };
    const one = [...probes('one', range)];
    expect(new Set(one).size).toBe(60);
    expect(Math.max(...one)).toBe(315);
    expect([...probes('other', range)]).not.toEqual(one);
    expect([...probes('one', range)]).toEqual(one);
  });

  it('do not go on for ever in a large one', () => {
    expect(new Set(probes('one', CLUSTER_RANGE)).size).toBe(128);
  });
});

const workload = (index: number): Workload => sampleWorkload({ app: `app-${index}` });
const RANGE: IdentityRange = { first: 256, last: 258 };

describe('placing', () => {
  const [first, second] = probes(workloadKey(workload(0)), CLUSTER_RANGE);
  if (first === undefined || second === undefined) throw new Error('a workload has more than one number');

  it('takes one request where the number is free, and finds what is there', async () => {
    let requests = 0;
    const store = new StoredObjects(async () => (requests += 0.5));
    expect(await placeIdentity(workload(0), store)).toBe(first);
    expect(requests).toBe(1);
    expect(await placeIdentity(workload(0), store)).toBe(first);
    expect(store.byId.size).toBe(1);
  });

  it('passes over others, what cannot be read, and keeps those who were to go', async () => {
    const store = new StoredObjects();
    store.put(first, { workload: workload(1), retiring: true });
    expect(await placeIdentity(workload(0), store)).toBe(second);
    expect(store.byId.get(first)).toMatchObject({ retiring: false });
    store.byId.clear();
    store.put(first, { workload: undefined });
    expect(await placeIdentity(workload(0), store)).toBe(second);
  });

  it('keeps its own that was to go', async () => {
    const store = new StoredObjects();
    store.put(first, { workload: workload(0), retiring: true });
    expect(await placeIdentity(workload(0), store)).toBe(first);
    expect(store.byId.get(first)).toMatchObject({ retiring: false });
  });

  it('looks again where what stood there goes on the way, and does not for ever', async () => {
    const store = new StoredObjects();
    let left = 19;
    const create = async (id: IdentityId, of: Workload): Promise<boolean> => {
      if (left === 0) return await store.create(id, of);
      left -= 1;
      // There when it was to be made, gone when it is looked at.
      return false;
    };
    const fleeting = { create, get: store.get, keep: store.keep };
    expect(await placeIdentity(workload(0), fleeting)).toBe(first);
    store.byId.clear();
    left = Number.POSITIVE_INFINITY;
    await expect(placeIdentity(workload(0), fleeting)).rejects.toMatchObject({ code: 'E_IDENTITY_CONTENDED' });
  });

  it('says when every number is taken', async () => {
    const store = new StoredObjects();
    for (const [index, id] of [...probes('', RANGE)].entries()) store.put(id, { workload: workload(index + 1) });
    await expect(placeIdentity(workload(0), store, RANGE)).rejects.toMatchObject({ code: 'E_IDENTITY_EXHAUSTED' });
  });
});
