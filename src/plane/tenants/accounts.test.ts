import { describe, expect, it } from 'vitest';
import { namespaceRow, podRow } from '../../cluster/samples.ts';
import { TENANT_FLAG } from '../../model/gen/enums.ts';
import { TENANT_UNLIMITED } from '../../model/gen/numbers.ts';
import { identityId, NO_LIMITS, type TenantLimits, type TenantRow } from '../../model/index.ts';
import { tenantNumber } from '../../tenant/index.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { FakeKernel, fakeNode } from '../testkit.ts';

const web = podRow('web', { app: 'web' });
const shop = (limits: Partial<TenantLimits>): TenantRow =>
  tenantRow('shop', { claims: { names: ['shop'], prefix: undefined }, limits: { ...NO_LIMITS, ...limits } });

async function node(kernel = new FakeKernel(), ...tenants: TenantRow[]) {
  const made = await fakeNode(kernel);
  made.put(made.intent.namespaces, namespaceRow('shop'));
  made.put(made.intent.pods, web);
  made.put(made.intent.tenants, ...tenants);
  made.connect(1, web);
  made.sync();
  await made.settle();
  const number = tenantNumber('shop');
  return {
    ...made,
    account: () => kernel.tenantAccounts.get(number),
    isLimited: (): boolean => {
      const row = kernel.tenants.get(made.identityOf('shop/web' as never)?.id ?? identityId(0));
      return (row & BigInt(TENANT_FLAG.limited)) !== 0n;
    },
    write: (more: object) => {
      const account = kernel.tenantAccounts.get(number);
      if (account !== undefined) kernel.tenantAccounts.set(number, { ...account, ...more });
    },
  };
}

describe('the account of a tenant', () => {
  it('has its limits, and is there before any row says so', async () => {
    const kernel = new FakeKernel();
    const { tenants } = kernel;
    const missing: number[] = [];
    const set = tenants.set.bind(tenants);
    tenants.set = (id, row) => {
      const isThere = kernel.tenantAccounts.get(tenantNumber('shop')) !== undefined;
      if ((row & BigInt(TENANT_FLAG.limited)) !== 0n && !isThere) missing.push(id);
      set(id, row);
    };
    const made = await node(kernel, shop({ connections: 7, newConnectionsPerSecond: 2_000 }));
    expect(missing).toEqual([]);
    expect(made.isLimited()).toBe(true);
    expect(made.account()).toMatchObject({ interval: 500_000, limit: [7, TENANT_UNLIMITED], used: [0, 0] });
  });

  it('is not there for one without limits, and goes with them', async () => {
    const made = await node(new FakeKernel(), shop({}));
    expect([made.isLimited(), made.account()]).toEqual([false, undefined]);
    made.put(made.intent.tenants, shop({ natPorts: 0 }));
    await made.settle();
    expect([made.isLimited(), made.account()?.limit]).toEqual([true, [TENANT_UNLIMITED, 0]]);
    made.put(made.intent.tenants, shop({ flowEventsPerSecond: 500 }));
    await made.settle();
    expect([made.isLimited(), made.account()]).toMatchObject([
      true,
      { interval: 0, eventInterval: 2_000_000, limit: [TENANT_UNLIMITED, TENANT_UNLIMITED] },
    ]);
    made.put(made.intent.tenants, shop({}));
    await made.settle();
    expect([made.isLimited(), made.account()]).toEqual([false, undefined]);
  });

  it('keeps what is counted when a limit changes, and with a new life', async () => {
    const kernel = new FakeKernel();
    const made = await node(kernel, shop({ connections: 7 }));
    made.write({ used: [5, 1], turn: 99, untold: 8, eventIn: [1, 2, 3] });
    made.put(made.intent.tenants, shop({ connections: 9, newConnectionsPerSecond: 1 }));
    await made.settle();
    expect(made.account()).toMatchObject({ used: [5, 1], turn: 99, untold: 8, eventIn: [1, 2, 3] });
    expect(made.account()).toMatchObject({ interval: 1e9, limit: [9, TENANT_UNLIMITED] });
    const next = await node(kernel, shop({ connections: 9, newConnectionsPerSecond: 1 }));
    expect(next.account()).toMatchObject({ used: [5, 1], turn: 99 });
    next.drop(next.intent.tenants, shop({}));
    await next.settle();
    expect(next.account()).toBeUndefined();
  });

  it('of an earlier life goes when there is no such tenant any more', async () => {
    const kernel = new FakeKernel();
    await node(kernel, shop({ connections: 7 }));
    const next = await node(kernel);
    expect([next.account(), next.isLimited()]).toEqual([undefined, false]);
  });

  it('is put right where somebody else has written', async () => {
    const made = await node(new FakeKernel(), shop({ connections: 7 }));
    for (const wrong of [{ limit: [1e9, TENANT_UNLIMITED] }, { interval: 1 }, { eventInterval: 1 }]) {
      made.write(wrong);
      expect(made.floor.differences()).toEqual([
        'the kernel says of the limits of tenant shop otherwise than the Tenant',
      ]);
      made.floor.doubt();
      await made.settle();
      expect([made.account()?.limit[0], made.floor.differences()]).toEqual([7, []]);
    }
  });

  it('makes nothing be judged anew', async () => {
    const made = await node(new FakeKernel(), shop({}));
    const before = made.word(1);
    made.put(made.intent.tenants, shop({ connections: 7 }));
    await made.settle();
    expect(made.word(1)).toEqual(before);
  });
});
