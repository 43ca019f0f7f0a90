import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POLICY_PAIRS } from '../../model/gen/numbers.ts';
import {
  type IdentityId,
  identityId,
  type PolicyRow,
  type PolicyTable,
  policyRevision,
  ruleId,
} from '../../model/index.ts';
import { policyTableNumber } from './policy-table-number.ts';
import { PolicyTables } from './policy-tables.ts';
import { fakePolicyMaps } from './testkit.ts';

const row = (port: number, rest: Partial<PolicyRow> = {}): PolicyRow => ({
  protocol: 6,
  port,
  portBits: 16,
  verdict: 'allow',
  precedence: 7,
  rule: ruleId(3),
  ...rest,
});
const rows = (count: number): PolicyRow[] => Array.from({ length: count }, (_, port) => row(port + 1));
/** Such tables may have anything. */
const whole = { groups: [rows(1)], selective: true };
const [t1, t2] = [policyTableNumber(100, whole), policyTableNumber(101, whole)];
const table = (groups: PolicyRow[][], peers: Record<number, number> = {}): PolicyTable => ({
  groups,
  peers: new Map(Object.entries(peers).map(([peer, group]) => [identityId(Number(peer)), group])),
  selective: Object.keys(peers).length > 0,
});
const peers = (groups: Record<number, number>): Map<IdentityId, number> => new Map(table([], groups).peers);

describe('PolicyTables', () => {
  it('reads back what was written, table by table', async () => {
    const anyRow: fc.Arbitrary<PolicyRow> = fc
      .record({
        protocol: fc.constantFrom(0, 6, 17),
        bits: fc.nat(16),
        port: fc.nat(0xffff),
        deny: fc.boolean(),
      })
      .map(({ protocol, bits, port, deny }) =>
        row(protocol === 0 ? 0 : port & (0xffff << (16 - bits)) & 0xffff, {
          protocol,
          portBits: protocol === 0 ? 0 : bits,
          verdict: deny ? 'deny' : 'allow',
        }),
      );
    const group = fc.uniqueArray(anyRow, {
      selector: (r) => [r.protocol, r.port, r.portBits].join(),
      maxLength: 10,
      minLength: 1,
    });
    const anyTable: fc.Arbitrary<PolicyTable> = fc
      .record({ groups: fc.array(group, { minLength: 1, maxLength: 4 }), peers: fc.array(fc.nat(9), { maxLength: 9 }) })
      .map(({ groups, peers: wanted }) =>
        table(groups, Object.fromEntries(wanted.map((peer, index) => [peer + 1, index % groups.length || 1]))),
      );
    const text = (read: PolicyTable | undefined): unknown => [
      read?.selective,
      read?.groups.map((own) => own.map((r) => JSON.stringify(r)).toSorted()),
      [...(read?.peers ?? [])].toSorted(([a], [b]) => a - b),
    ];
    await fc.assert(
      fc.asyncProperty(anyTable, anyTable, async (a, b) => {
        const maps = fakePolicyMaps();
        const tables = new PolicyTables(maps);
        const [t1, t2] = [policyTableNumber(100, a), policyTableNumber(101, b)];
        await tables.write(t1, a);
        await tables.write(t2, b);
        tables.setRevision(policyRevision(9), [t1, t2]);
        const later = new PolicyTables(maps);
        const found = await later.load();
        expect(text(found.tables.get(t1))).toEqual(text(a));
        expect(text(found.tables.get(t2))).toEqual(text(b));
        expect(found.revisions).toEqual(new Map([[9, [t1, t2]]]));
        expect([later.rows, later.peers]).toEqual([tables.rows, tables.peers]);
        await later.delete(t1);
        await later.delete(t2);
        later.deleteRevision(policyRevision(9));
        expect((await Promise.all(Object.values(maps).map((map) => map.entries()))).flat()).toEqual([]);
        expect([later.rows, later.peers]).toEqual([0, 0]);
      }),
      { numRuns: 50 },
    );
  });

  it('writes nothing of a table that does not fit, and says what was needed', async () => {
    const maps = fakePolicyMaps({ policy: 10 });
    const tables = new PolicyTables(maps);
    await tables.write(t1, table([rows(3)]));
    await expect(tables.write(t2, table([rows(9)]))).rejects.toMatchObject({
      code: 'E_DATAPATH_MAP_FULL',
      message: expect.stringMatching(/policy: 3 of 10 entries are in use, 9 more are needed/),
    });
    expect([(await maps.rows.entries()).length, tables.rows]).toEqual([3, 3]);
  });

  it('writes nothing that is not looked for under the number', async () => {
    const maps = fakePolicyMaps();
    const tables = new PolicyTables(maps);
    const [closed, forEverybody] = [table([[]]), table([rows(1)])];
    const number = (own: PolicyTable) => policyTableNumber(100, own);
    await expect(tables.write(number(closed), forEverybody)).rejects.toThrow(RangeError);
    await expect(tables.write(number(forEverybody), table([[], rows(1)], { 7: 1 }))).rejects.toThrow(RangeError);
    const live = table([rows(1), rows(2)]);
    await tables.write(number(live), live);
    await expect(tables.extend(number(live), peers({ 7: 1 }))).rejects.toThrow(RangeError);
    expect([(await maps.rows.entries()).length, await maps.peers.entries()]).toEqual([3, []]);
  });

  it('gives no revision the place of another', () => {
    const maps = fakePolicyMaps();
    const tables = new PolicyTables(maps);
    const [old, heir] = [policyRevision(9), policyRevision(9 + POLICY_PAIRS)];
    tables.setRevision(old, [t1, t2]);
    expect(() => tables.setRevision(heir, [t2, t2])).toThrow(/place of revision/);
    tables.deleteRevision(heir);
    expect([maps.revisions.get(old), maps.revisions.get(heir)]).toEqual([[t1, t2], undefined]);
    tables.deleteRevision(old);
    tables.setRevision(heir, [t2, t2]);
    expect([maps.revisions.get(old), maps.revisions.get(heir)]).toEqual([undefined, [t2, t2]]);
  });

  it('leaves room for small tables, whatever large ones ask for', async () => {
    const tables = new PolicyTables(fakePolicyMaps({ policy: 4096, policy_peers: 4096 }));
    await expect(tables.write(t1, table([rows(3700)]))).rejects.toMatchObject({ code: 'E_DATAPATH_MAP_FULL' });
    await tables.write(t1, table([rows(3500)]));
    await expect(tables.write(t2, table([rows(300)]))).rejects.toMatchObject({ code: 'E_DATAPATH_MAP_FULL' });
    await tables.write(t2, table([rows(200)]));
  });

  it('lets peers join after the rows of their group, and leave without room', async () => {
    const maps = fakePolicyMaps({ policy: 4, policy_peers: 2 });
    const tables = new PolicyTables(maps);
    const live = table([[], rows(2)], { 7: 1 });
    await tables.write(t1, live);
    (live.groups as PolicyRow[][]).push(rows(1));
    await tables.extend(t1, peers({ 8: 2 }));
    expect(maps.peers.get({ table: t1, peer: identityId(8) })).toBe(2);
    await expect(tables.extend(t1, peers({ 7: 0, 9: 1, 10: 1 }))).rejects.toMatchObject({
      code: 'E_DATAPATH_MAP_FULL',
    });
    expect((await maps.peers.entries()).map(([{ peer }]) => peer)).toEqual([8]);
    expect(tables.freed).toBe(1);
    await tables.extend(t1, peers({ 9: 1 }));
    await tables.delete(t1);
    expect([tables.rows, tables.peers, await maps.rows.entries()]).toEqual([0, 0, []]);
  });
});
