import { describe, expect, it } from 'vitest';
import { namespaceRow, podRow } from '../../cluster/samples.ts';
import { tenantWorldKey } from '../../datapath/index.ts';
import { tenantWorldCodecs } from '../../datapath/maps/tenant-world-map.ts';
import { FakeMap } from '../../datapath/maps/testkit.ts';
import type { TenantBoundary, TenantRow } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { tenantNumber } from '../../tenant/index.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { FakeKernel, fakeNode } from '../testkit.ts';

const listing = (name: string, cidrs: readonly string[], world: TenantBoundary['world'] = 'Listed'): TenantRow =>
  tenantRow(name, {
    claims: { names: [name], prefix: undefined },
    boundary: { world, nodes: 'ProbesOnly' },
    world: { cidrs: cidrs.map((text) => Prefix.parse(text)), metadata: 'Never' },
  });

async function node(kernel = new FakeKernel(), ...tenants: TenantRow[]) {
  const made = await fakeNode(kernel);
  made.put(made.intent.namespaces, namespaceRow('shop'), namespaceRow('ledger'));
  made.put(made.intent.pods, podRow('web', { app: 'web' }));
  made.put(made.intent.tenants, ...tenants);
  made.connect(1, podRow('web', { app: 'web' }));
  made.sync();
  await made.settle();
  return {
    ...made,
    say: async (...rows: TenantRow[]): Promise<void> => {
      made.put(made.intent.tenants, ...rows);
      await made.settle();
    },
    isListed: (name: string, addr: string): boolean =>
      kernel.tenantWorld.get(tenantWorldKey({ tenant: tenantNumber(name), prefix: Prefix.host(parseAddr(addr)) })) !==
      undefined,
    rows: async (): Promise<number> => (await kernel.tenantWorld.entries()).length,
  };
}

describe('what tenants list of the world', () => {
  it('is in the kernel of whoever is Listed, each apart, and of nobody else', async () => {
    const made = await node(
      new FakeKernel(),
      listing('shop', ['192.0.2.0/24', '2001:db8::/32']),
      listing('ledger', ['198.51.100.0/24']),
    );
    const asked = ['192.0.2.9', '198.51.100.9', '2001:db8::9', '203.0.113.9'];
    expect(asked.map((addr) => made.isListed('shop', addr))).toEqual([true, false, true, false]);
    expect(asked.map((addr) => made.isListed('ledger', addr))).toEqual([false, true, false, false]);
    expect(await made.worlds.differences()).toEqual([]);
    await made.say(listing('shop', ['192.0.2.0/24'], 'Open'));
    expect([made.isListed('shop', '192.0.2.9'), await made.rows()]).toEqual([false, 1]);
  });

  it('lets new connections pass, and what is taken back has all judged anew', async () => {
    const made = await node(new FakeKernel(), listing('shop', ['192.0.2.0/24']));
    const before = made.word(1)?.revision;
    await made.say(listing('shop', ['192.0.2.0/24', '198.51.100.0/24']));
    expect([made.isListed('shop', '198.51.100.9'), made.word(1)?.revision]).toEqual([true, before]);
    await made.say(listing('shop', ['198.51.100.0/24']));
    expect(made.isListed('shop', '192.0.2.9')).toBe(false);
    expect(made.word(1)?.revision).not.toBe(before);
  });

  it('is there before a row of somebody says that there is such', async () => {
    const kernel = new FakeKernel();
    const early: number[] = [];
    const set = kernel.tenants.set.bind(kernel.tenants);
    const made = await node(kernel, listing('shop', [], 'Closed'));
    kernel.tenants.set = (id, row) => {
      if (!made.isListed('shop', '192.0.2.9')) early.push(id);
      set(id, row);
    };
    await made.say(listing('shop', ['192.0.2.0/24']));
    expect(early).toEqual([]);
    expect(made.isListed('shop', '192.0.2.9')).toBe(true);
  });

  it('that finds no room is closed and told, and has what another gives back', async () => {
    const kernel = new FakeKernel();
    const { spec } = kernel.tenantWorld;
    Object.assign(kernel, { tenantWorld: new FakeMap({ ...spec, maxEntries: 1 }, tenantWorldCodecs) });
    const made = await node(kernel, listing('ledger', ['198.51.100.0/24']));
    await made.say(listing('shop', ['192.0.2.0/24', '203.0.113.0/24']));
    expect(['192.0.2.9', '203.0.113.9'].map((addr) => made.isListed('shop', addr))).toEqual([false, false]);
    expect(made.worlds.problemsOf('shop')).toEqual([expect.stringContaining('2 of its world.cidrs have no room')]);
    expect([made.worlds.problemsOf('ledger'), await made.worlds.differences()]).toEqual([[], []]);
    await made.say(listing('ledger', [], 'Closed'));
    expect(made.isListed('shop', '192.0.2.9')).toBe(true);
    expect(made.worlds.problemsOf('shop')).toEqual([expect.stringContaining('1 of its world.cidrs')]);
  });

  it('finds and puts right what somebody else has written, what is no prefix of one tenant too', async () => {
    const kernel = new FakeKernel();
    const made = await node(kernel, listing('shop', ['192.0.2.0/24']));
    const [own] = await kernel.tenantWorld.entries();
    if (own === undefined) throw new Error('no row');
    kernel.tenantWorld.delete(own[0]);
    const tenant = tenantNumber('shop');
    kernel.tenantWorld.set(tenantWorldKey({ tenant, prefix: Prefix.parse('203.0.113.0/24') }), 1);
    kernel.tenantWorld.set({ ...own[0], prefixlen: 3, addr: parseAddr('::') }, 1);
    expect(await made.worlds.differences()).toEqual([
      `the kernel lists 203.0.113.0/24 for tenant number ${tenant}, which no Tenant says`,
      expect.stringContaining('the kernel lists a row (3 '),
      '1 prefixes that Tenants list are not in the kernel',
    ]);
    const before = made.word(1)?.revision;
    await made.worlds.load();
    made.floor.doubt();
    await made.settle();
    expect(await made.worlds.differences()).toEqual([]);
    expect([await made.rows(), made.isListed('shop', '192.0.2.9')]).toEqual([1, true]);
    expect(made.word(1)?.revision).not.toBe(before);
  });

  it('of an earlier life holds until it is known what there is, and goes then', async () => {
    const kernel = new FakeKernel();
    await node(kernel, listing('shop', ['192.0.2.0/24', '203.0.113.0/24']));
    const second = await node(kernel, listing('shop', ['203.0.113.0/24']));
    expect(['192.0.2.9', '203.0.113.9'].map((addr) => second.isListed('shop', addr))).toEqual([false, true]);
  });
});
