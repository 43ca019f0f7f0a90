import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVENT_RECORD } from '../datapath/index.ts';
import type { Flow } from '../model/index.ts';
import { FlowScan } from './flow-scan.ts';
import { FlowStore } from './flow-store.ts';
import { recordOf } from './testkit.ts';

const { decode, offsets } = EVENT_RECORD;

/** What endpoint `id` sends, or, from outside, gets; told apart by its length. */
function push(store: FlowStore, id: number, length: number, hook: Flow['hook'] = 'from-pod', identity = 300): void {
  const sends = hook === 'from-pod' || hook === 'socket';
  const [sourceEndpoint, destinationEndpoint] = sends ? [id, 0] : [0, id];
  const sourceIdentity = sends ? identity : 2;
  const ends = { sourceEndpoint, destinationEndpoint, sourceIdentity, destinationIdentity: 2 };
  const words = recordOf({ ...ends, length, hook, type: 'drop', timestamp: (pushed += 1) });
  store.push(words, new DataView(words.buffer), 0);
}
let pushed = 0;

/** The lengths of what is kept, below `bound`, in order. */
async function kept(store: FlowStore, bound = Number.POSITIVE_INFINITY): Promise<number[]> {
  const matches = (view: DataView, at: number) => view.getUint32(at + offsets.length, true) < bound;
  const range = { since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };
  const scan = new FlowScan(store, { ...range, about: undefined, matches });
  const lengths: number[] = [];
  for await (const group of scan.inOrder((view, at) => decode(view, at).length)) lengths.push(...group);
  return lengths;
}

const storeOf = (capacity: number) => new FlowStore({ capacity, layout: EVENT_RECORD });

describe('the store of flows', () => {
  test('keeps what others said, however much one of them says', async () => {
    const store = storeOf(100);
    for (let i = 1; i <= 10; i += 1) push(store, 2, i);
    for (let i = 1; i <= 20_000; i += 1) push(store, 1, 1_000_000);
    for (let i = 11; i <= 15; i += 1) push(store, 3, i);
    for (let i = 1; i <= 20_000; i += 1) push(store, 4, 1_000_000, 'from-netdev');
    expect(store.size).toBe(100);
    expect(store.overwritten).toBe(39_915);
    expect(await kept(store, 1_000_000)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  test('keeps what a pod sends when it is flooded from outside', async () => {
    const store = storeOf(10);
    push(store, 1, 1);
    for (let i = 1; i <= 1_000; i += 1) push(store, 1, 2, 'from-netdev');
    expect(await kept(store, 2)).toEqual([1]);
  });

  test("keeps what the node's processes were refused when somebody in a namespace of nobody's asks all the time", async () => {
    const store = storeOf(10);
    push(store, 0, 1, 'socket', 1);
    push(store, 1, 1, 'socket');
    for (let i = 1; i <= 1_000; i += 1) push(store, 0, 2, 'socket', 0);
    expect(await kept(store, 2)).toEqual([1, 1]);
  });

  test('is a plain ring for one endpoint, and in order for many', async () => {
    const pushes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(pushes, fc.integer({ min: 1, max: 40 }), async (owners, capacity) => {
        const store = storeOf(capacity);
        for (const [order, owner] of owners.entries()) push(store, owner, order);
        expect(store.size).toBe(Math.min(owners.length, capacity));
        expect(store.overwritten).toBe(owners.length - store.size);
        const there = await kept(store);
        expect(there).toEqual(there.toSorted((a, b) => a - b));
        expect(there).toHaveLength(store.size);
        // Who stays within an equal share loses nothing.
        for (let id = 0; id <= 5; id += 1) {
          const own = owners.flatMap((owner, order) => (owner === id ? [order] : []));
          if (own.length > Math.floor(capacity / 6)) continue;
          for (const order of own) expect(there).toContain(order);
        }
      }),
    );
  });

  test('counts what goes, also where many are kept together', async () => {
    const store = storeOf(256 * 64);
    for (let i = 0; i < 50_000; i += 1) push(store, 1 + (i % 7), i);
    expect(store.size + store.overwritten).toBe(50_000);
    expect(store.size).toBeGreaterThan(256 * 64 - 8 * 64);
    expect(await kept(store)).toHaveLength(store.size);
  });
});
