import { expect, it } from 'vitest';
import { Signal, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { Intent } from '../../cluster/index.ts';
import type { Link } from '../../datapath/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { OverlayPaths } from './overlay-paths.ts';
import { rangesElsewhere } from './ranges-elsewhere.ts';

const node = (name: string, address: string, range: string) => ({
  uid: name,
  namespace: '',
  name,
  addresses: [address],
  podCIDRs: [range],
  labels: {},
});

it('ways to other nodes are not known before these are, and none are where there is no other', () => {
  const intent = new Intent();
  expect(rangesElsewhere('node-1', intent)).toBeUndefined();
  const own = node('node-1', '192.0.2.1', '10.1.0.0/24');
  intent.nodes.apply({ upserts: [own], deletes: [], synced: true });
  expect(rangesElsewhere('node-1', intent)).toEqual([]);
  intent.nodes.apply({ upserts: [node('node-2', '192.0.2.2', '10.1.1.0/24')], deletes: [], synced: true });
  expect(rangesElsewhere('node-1', intent)?.map(({ range, via }) => [range.toString(), via])).toEqual([
    ['10.1.1.0/24', parseAddr('192.0.2.2')],
  ]);
});

it('an agent that starts leaves the routes of its earlier life until it knows the nodes', async () => {
  const link = { ifindex: 7, up: false } as unknown as Link;
  let ranges: readonly Prefix[] | undefined;
  const laid: (readonly string[])[] = [];
  let raised = 0;
  const paths = new OverlayPaths({
    netdev: {
      raise: async () => void (raised += 1),
      route: async (_index, wanted) => {
        laid.push(wanted.map(String));
        return [];
      },
    },
    ensure: async () => link,
    isGuarded: () => true,
    ranges: () => ranges,
    changed: new Signal(),
    source: parseAddr('192.0.2.1'),
    clock: new FakeClock(),
    log: silentLogger,
  });
  await paths.look();
  expect([raised, laid]).toEqual([1, []]);
  ranges = [Prefix.parse('10.1.1.0/24')];
  await paths.look();
  ranges = [];
  await paths.look();
  expect(laid).toEqual([['10.1.1.0/24'], []]);
});
