import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityId, type PolicyTableRow, policyRevision, ruleId } from '../model/index.ts';
import { FakeMap } from './fake.ts';
import type { PolicyKey, PolicyValue } from './gen/codecs.ts';
import { MAP_SPECS } from './gen/layout.ts';
import type { TypedMap } from './map.ts';
import { PolicyTables, policyCodecs } from './policy-map.ts';

const fakeMap = (maxEntries = 1000): FakeMap<PolicyKey, PolicyValue> =>
  new FakeMap<PolicyKey, PolicyValue>({ ...MAP_SPECS.policy, maxEntries }, policyCodecs);

const row = (peer: number, rest: Partial<PolicyTableRow> = {}): PolicyTableRow => ({
  direction: 'ingress',
  peer: identityId(peer),
  protocol: 6,
  port: 80,
  portBits: 16,
  verdict: 'allow',
  precedence: 7,
  rule: ruleId(3),
  ...rest,
});
const [r1, r2, r3] = [policyRevision(1), policyRevision(2), policyRevision(3)];

describe('PolicyTables', () => {
  it('reads back what was written, revision by revision', async () => {
    const anyRow: fc.Arbitrary<PolicyTableRow> = fc
      .record({
        peer: fc.nat(5),
        protocol: fc.constantFrom(0, 6, 17),
        bits: fc.nat(16),
        port: fc.nat(0xffff),
        deny: fc.boolean(),
      })
      .map(({ peer, protocol, bits, port, deny }) =>
        row(peer, {
          protocol,
          portBits: protocol === 0 ? 0 : bits,
          port: protocol === 0 ? 0 : port & (0xffff << (16 - bits)) & 0xffff,
          verdict: deny ? 'deny' : 'allow',
        }),
      );
    const table = fc.uniqueArray(anyRow, {
      selector: (r) => [r.peer, r.protocol, r.port, r.portBits].join(),
      maxLength: 20,
      minLength: 1,
    });
    const sort = (rows: readonly PolicyTableRow[]): string[] =>
      rows.map((r) => JSON.stringify(r, Object.keys(row(0)).toSorted())).toSorted();
    await fc.assert(
      fc.asyncProperty(table, table, async (a, b) => {
        const map = fakeMap();
        const tables = new PolicyTables(map);
        await tables.write(r1, a);
        await tables.write(r2, b);
        const found = await new PolicyTables(map).revisions();
        expect(sort(found.get(r1) ?? [])).toEqual(sort(a));
        expect(sort(found.get(r2) ?? [])).toEqual(sort(b));
        await tables.delete(r1);
        expect([...(await tables.revisions()).keys()]).toEqual([r2]);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves nothing of a table that does not fit, and says what was needed', async () => {
    const map = fakeMap(10);
    const tables = new PolicyTables(map);
    await tables.write(r1, [row(1), row(2), row(3)]);
    const large = Array.from({ length: 9 }, (_, i) => row(i + 1));
    await expect(tables.write(r2, large)).rejects.toMatchObject({
      code: 'E_DATAPATH_MAP_FULL',
      message: expect.stringMatching(/10 rows, 3 are in use, 9 more are needed/),
    });
    expect([...(await tables.revisions()).keys()]).toEqual([r1]);
    await expect(
      tables.add(
        r1,
        large.slice(3).map((r) => ({ ...r, port: 81 })),
      ),
    ).resolves.toBeUndefined();
    await expect(tables.add(r1, [row(50), row(51)])).rejects.toMatchObject({ code: 'E_DATAPATH_MAP_FULL' });
    expect((await tables.revisions()).get(r1)).toHaveLength(9);
  });

  it('adds the most specific rows first and removes the widest first', async () => {
    const inner = fakeMap();
    const order: string[] = [];
    const spy: TypedMap<PolicyKey, PolicyValue> = {
      spec: inner.spec,
      get: (key) => inner.get(key),
      set: (key, value) => inner.set(key, value),
      delete: (key) => inner.delete(key),
      entries: async () => await inner.entries(),
      setMany: async (entries) => {
        const all = [...entries];
        order.push(...all.map(([key]) => `+${key.prefixlen}`));
        await inner.setMany(all);
      },
      deleteMany: async (keys) => {
        const all = [...keys];
        order.push(...all.map((key) => `-${key.prefixlen}`));
        return await inner.deleteMany(all);
      },
    };
    const tables = new PolicyTables(spy);
    const rows = [row(1, { protocol: 0, port: 0, portBits: 0 }), row(1), row(1, { portBits: 8, port: 0 })];
    await tables.add(r3, rows);
    await tables.remove(r3, rows);
    expect(order).toEqual(['+96', '+88', '+72', '-72', '-88', '-96']);
    expect(await inner.entries()).toEqual([]);
  });

  it('deletes a revision that an earlier process wrote', async () => {
    const map = fakeMap();
    await new PolicyTables(map).write(r1, [row(1), row(2)]);
    await new PolicyTables(map).delete(r1);
    expect(await map.entries()).toEqual([]);
  });
});
