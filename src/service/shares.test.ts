import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend, Frontend } from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { sampleFrontend, sampleName } from './samples.ts';
import { guaranteedRows, rowsOf, ServiceShares } from './shares.ts';

const SIZES = { services: 1_024, slots: 8_192, backends: 4_096 };
const rows = (backends: number) => ({ services: 1, slots: backends, backends });
const shares = () => new ServiceShares({ sizes: SIZES, part: 1 / 4 });

describe('ServiceShares', () => {
  it('gives a Service half of what its namespace may have, and a namespace a quarter', () => {
    const all = shares();
    expect(all.take(sampleName('a/one'), rows(513))).toMatchObject({ reason: 'ServiceTooLarge' });
    expect(all.take(sampleName('a/one'), rows(512))).toBeUndefined();
    expect(all.take(sampleName('a/two'), rows(512))).toBeUndefined();
    expect(all.take(sampleName('a/three'), rows(1))).toMatchObject({ reason: 'NamespaceShareFull' });
    expect(all.take(sampleName('a/one'), rows(511))).toBeUndefined();
    expect(all.take(sampleName('a/three'), rows(1))).toBeUndefined();
  });

  it('keeps a part for each namespace, however many others want all', () => {
    const all = shares();
    for (let i = 0; i < 100; i += 1) all.take(sampleName(`flood-${i}/x`), rows(512));
    expect(all.take(sampleName('late/large'), rows(100))).toMatchObject({ reason: 'MapFull' });
    for (let i = 0; i < 20; i += 1)
      expect(all.take(sampleName(`late-${i}/small`), rows(guaranteedRows(4_096)))).toBeUndefined();
  });

  it('never refuses less than there is, and says once that there is room again', () => {
    const all = shares();
    all.put(sampleName('a/one'), rows(2_000));
    expect(all.takeFreed()).toBe(false);
    expect(all.take(sampleName('a/one'), rows(1_999))).toBeUndefined();
    expect([all.takeFreed(), all.takeFreed()]).toEqual([true, false]);
  });

  it('whatever happens: nobody above his share, the total within the map, nothing forgotten', () => {
    const step = fc.tuple(fc.nat(5), fc.nat(3), fc.nat(700));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const all = shares();
        const has = new Map<string, number>();
        for (const [namespace, name, count] of steps) {
          const service = sampleName(`n${namespace}/s${name}`);
          const wanted = count === 0 ? { services: 0, slots: 0, backends: 0 } : rows(count);
          if (all.take(service, wanted) === undefined) has.set(service, count);
        }
        const sum = (prefix: string): number =>
          Array.from(has).reduce((total, [key, count]) => total + (key.startsWith(prefix) ? count : 0), 0);
        expect(all.total.backends).toBe(sum(''));
        expect(sum('')).toBeLessThanOrEqual((4_096 * 7) / 8);
        for (let i = 0; i <= 5; i += 1) expect(sum(`n${i}/`)).toBeLessThanOrEqual(1_024);
      }),
    );
  });
});

describe('rowsOf', () => {
  const backends = [1, 2, 3].map(
    (last): Backend => ({
      addr: parseAddr(`10.244.1.${last}`),
      port: 80,
      protocol: 'TCP',
      state: 'ready',
      pod: '',
      local: last === 1,
    }),
  );
  const frontend = (more: Partial<Frontend>): Frontend => sampleFrontend(backends, more);

  it('counts what is shared once, and a Maglev table by its size', () => {
    const nodePort = frontend({ kind: 'NodePort', addr: parseAddr('::') });
    expect(rowsOf([frontend({}), nodePort], undefined)).toEqual({ services: 3, slots: 3, backends: 3 });
    expect(rowsOf([frontend({}), nodePort], 251)).toEqual({ services: 3, slots: 254, backends: 3 });
    const local = { ...nodePort, externalBackends: backends.slice(0, 1), externalLocal: true };
    expect(rowsOf([frontend({}), local], undefined)).toEqual({ services: 3, slots: 4, backends: 3 });
    expect(rowsOf([frontend({ backends: [], externalBackends: [] })], 251)).toEqual({
      services: 1,
      slots: 0,
      backends: 0,
    });
  });
});
