import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Flow, FlowMessage } from '../model/index.ts';
import { FlowStore } from './flow-store.ts';

/** What endpoint `id` sends, or, from outside, gets; told apart by its length. */
const flowOf = (id: number, length: number, hook: Flow['hook'] = 'from-pod', identity = 300): FlowMessage => {
  const sends = hook === 'from-pod' || hook === 'socket';
  const end = { addr: '10.0.0.1', identity, labels: [], ...(id === 0 ? {} : { endpoint: id }) };
  const other = { addr: '10.0.0.2', identity: 2, labels: [] };
  const flow: Flow = {
    time: 0,
    node: 'n',
    type: 'drop',
    verdict: 'dropped',
    direction: sends ? 'egress' : 'ingress',
    source: sends ? end : other,
    destination: sends ? other : end,
    protocol: 'UDP',
    tcpFlags: [],
    rules: {},
    isReply: false,
    length,
    ifindex: 1,
    hook,
  };
  return { kind: 'flow', flow };
};
const everything = () => true;
const lengths = (messages: readonly FlowMessage[]) =>
  messages.map((message) => (message.kind === 'flow' ? message.flow.length : `${message.place}:${message.count}`));

describe('the store of flows', () => {
  test('keeps what others said, however much one of them says', () => {
    const store = new FlowStore({ capacity: 100 });
    for (let i = 1; i <= 10; i += 1) store.push(flowOf(2, i));
    for (let i = 1; i <= 20_000; i += 1) store.push(flowOf(1, 1_000_000));
    for (let i = 11; i <= 15; i += 1) store.push(flowOf(3, i));
    for (let i = 1; i <= 20_000; i += 1) store.push(flowOf(4, 1_000_000, 'from-netdev'));
    expect(store.size).toBe(100);
    const others = lengths(store.latest(20, ({ length }) => length < 1_000_000));
    expect(others).toEqual(['store:39915', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  test('keeps what a pod sends when it is flooded from outside', () => {
    const store = new FlowStore({ capacity: 10 });
    store.push(flowOf(1, 1));
    for (let i = 1; i <= 1_000; i += 1) store.push(flowOf(1, 2, 'from-netdev'));
    expect(lengths(store.latest(1, ({ length }) => length === 1))).toEqual([1]);
  });

  test("keeps what the node's processes were refused when somebody in a namespace of nobody's asks all the time", () => {
    const store = new FlowStore({ capacity: 10 });
    store.push(flowOf(0, 1, 'socket', 1));
    store.push(flowOf(1, 1, 'socket'));
    for (let i = 1; i <= 1_000; i += 1) store.push(flowOf(0, 2, 'socket', 0));
    expect(lengths(store.latest(2, ({ length }) => length === 1))).toEqual([1, 1]);
  });

  test('is a plain ring for one endpoint, and in order for many', () => {
    const pushes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 300 });
    fc.assert(
      fc.property(pushes, fc.integer({ min: 1, max: 40 }), (owners, capacity) => {
        const store = new FlowStore({ capacity });
        for (const [order, owner] of owners.entries()) store.push(flowOf(owner, order));
        expect(store.size).toBe(Math.min(owners.length, capacity));
        expect(store.overwritten).toBe(owners.length - store.size);
        const kept = lengths(store.latest(capacity, everything)).filter((one) => typeof one === 'number');
        expect(kept).toEqual(kept.toSorted((a, b) => a - b));
        expect(kept).toHaveLength(store.size);
        // Who stays within an equal share loses nothing.
        for (let id = 0; id <= 5; id += 1) {
          const own = owners.flatMap((owner, order) => (owner === id ? [order] : []));
          if (own.length > Math.floor(capacity / 6)) continue;
          for (const order of own) expect(kept).toContain(order);
        }
      }),
    );
  });
});
