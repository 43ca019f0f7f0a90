import { describe, expect, test } from 'vitest';
import type { ObserveLine } from '../api/index.ts';
import type { FlowOfNode } from './merged-flows.ts';
import { RepeatedDrops, type ShownFlow, withRepeats } from './repeated-drops.ts';

type Flow = Extract<ObserveLine, { kind: 'flow' }>['flow'];

const drop = (time: number, change: Partial<Flow> = {}): FlowOfNode => ({
  node: 'node-1',
  message: {
    kind: 'flow',
    flow: {
      time,
      node: 'node-1',
      type: 'drop',
      verdict: 'dropped',
      dropReason: 'policy-egress',
      direction: 'egress',
      source: { addr: '10.244.1.2', port: 40_000, identity: 300, labels: [] },
      destination: { addr: '10.244.1.3', port: 53, identity: 301, labels: [] },
      protocol: 'UDP',
      tcpFlags: [],
      rules: {},
      isReply: false,
      length: 60,
      ifindex: 3,
      hook: 'from-pod',
      ...change,
    },
  },
});
const lost: FlowOfNode = { node: 'node-1', message: { kind: 'lost', place: 'kernel', count: 7 } };

/** `time`, and `xN` for more than one. */
function texts(shown: readonly ShownFlow[]): string[] {
  return shown.map(({ message, count }) =>
    message.kind === 'lost' ? 'lost' : `${message.flow.time}${count === undefined ? '' : ` x${count}`}`,
  );
}

/** Changes that make another thing of a drop. */
const others: readonly (readonly [string, Partial<Flow>])[] = [
  ['source port', { source: { addr: '10.244.1.2', port: 40_001, identity: 300, labels: [] } }],
  ['destination', { destination: { addr: '10.244.1.4', port: 53, identity: 301, labels: [] } }],
  ['identity of the same address', { destination: { addr: '10.244.1.3', port: 53, identity: 302, labels: [] } }],
  ['protocol', { protocol: 'TCP' }],
  ['reason', { dropReason: 'no-route' }],
  ['direction', { direction: 'ingress' }],
  ['rule', { rules: { egress: 'NetworkPolicy a/b' } }],
  ['place', { hook: 'to-pod' }],
];

describe('flows that are kept', () => {
  test('are one line where a drop repeats, at the time of the newest, from the time of the first on', () => {
    const shown = withRepeats([drop(1), drop(2), drop(3, { protocol: 'TCP' }), drop(4)]);
    expect(texts(shown)).toEqual(['3', '4 x3']);
    expect(shown[1]).toMatchObject({ count: 3, first: 1 });
  });

  test.each(others)('are two of another %s', (_what, change) => {
    expect(texts(withRepeats([drop(1), drop(2, change), drop(3)]))).toEqual(['2', '3 x2']);
  });

  test('are each by themselves where nothing was dropped, and so is what was lost', () => {
    const open = (time: number) => drop(time, { type: 'open', verdict: 'forwarded' });
    expect(texts(withRepeats([open(1), open(2), lost, drop(3), lost]))).toEqual(['1', '2', 'lost', '3', 'lost']);
  });
});

describe('flows that come', () => {
  test('the first at once, what repeats it when it is taken, and again as news after a silence', () => {
    const drops = new RepeatedDrops();
    expect(texts(drops.push(drop(1)))).toEqual(['1']);
    expect(texts([...drops.push(drop(2)), ...drops.push(drop(3)), ...drops.push(lost)])).toEqual(['lost']);
    expect(texts(drops.take())).toEqual(['3 x2']);
    expect(texts(drops.push(drop(4)))).toEqual([]);
    expect(texts(drops.take())).toEqual(['4']);
    expect(texts(drops.take())).toEqual([]);
    expect(texts(drops.push(drop(5)))).toEqual(['5']);
  });

  test('none is missing, and little is kept of ever new ones', () => {
    const drops = new RepeatedDrops();
    let told = 0;
    const count = (shown: readonly ShownFlow[]) => {
      for (const one of shown) told += one.count ?? 1;
    };
    for (let n = 0; n < 20_000; n += 1) {
      const source = { addr: '10.244.1.2', port: n % 9_000, identity: 300, labels: [] };
      count(drops.push(drop(n, { source })));
    }
    count(drops.take());
    expect(told).toBe(20_000);
  });
});
