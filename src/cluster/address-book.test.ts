import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import { CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import { CIDR_RANGE } from '../identity/reserved.ts';
import { identityId } from '../model/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { AddressBook, type Claim } from './address-book.ts';
import type { IpcacheRow } from './ipcache-row.ts';

const prefix = (text: string): Prefix => Prefix.parse(text);

const claim = (key: string, id: number): Claim => ({
  owner: { kind: 'pod', key: key as NamespacedName },
  identity: identityId(id),
  tunnel: null,
});

function bookOf(options: { cidrSelects?: ('pods' | 'nodes')[]; maxAddresses?: number } = {}, ...prefixes: string[]) {
  const cidrs = new CidrIdentities();
  for (const text of prefixes) cidrs.acquire(prefix(text));
  const book = new AddressBook({ cidrs, cidrSelects: [], ...options });
  book.setNode(namespacedName({ name: 'n2' }), [parseAddr('172.18.0.3')]);
  book.setPod(A, claim('x/a', 256));
  book.followPrefixes();
  const rows = () =>
    Object.fromEntries(Array.from(book.desired(), ([text, { value }]) => [text, [value.identity, value.cidrIdentity]]));
  return { cidrs, book, rows };
}

const A = parseAddr('10.244.1.2');
const WORLD = { '0.0.0.0/0': [RESERVED_IDS.world, 0], '::/0': [RESERVED_IDS.world, 0] };
const NODE = { '172.18.0.3/32': [RESERVED_IDS['remote-node'], 0] };
const [first, second] = [CIDR_RANGE.first, CIDR_RANGE.first + 1];

describe('the rows of the ipcache', () => {
  test('owners by address, the rest of both families is world', () => {
    expect(bookOf().rows()).toEqual({ ...WORLD, ...NODE, '10.244.1.2/32': [256, 0] });
  });

  test.each(['0.0.0.0/0', '::/0'])('%s is what a policy makes of it, and world again without', (text) => {
    const { cidrs, book, rows } = bookOf({}, text);
    expect(rows()).toMatchObject({ ...WORLD, [text]: [first, 0] });
    cidrs.release(prefix(text));
    expect(book.followPrefixes()).toBe(true);
    expect(rows()).toMatchObject(WORLD);
    expect(book.followPrefixes()).toBe(false);
  });

  test('a prefix is a second identity of pods and nodes only where asked for', () => {
    expect(bookOf({ cidrSelects: ['pods'] }, '10.0.0.0/8', '0.0.0.0/0').rows()).toMatchObject({
      '0.0.0.0/0': [second, 0],
      '10.0.0.0/8': [first, 0],
      '10.244.1.2/32': [256, first],
      '172.18.0.3/32': [RESERVED_IDS['remote-node'], 0],
    });
    expect(bookOf({ cidrSelects: ['nodes'] }, '10.0.0.0/8', '0.0.0.0/0').rows()).toMatchObject({
      '10.244.1.2/32': [256, 0],
      '172.18.0.3/32': [RESERVED_IDS['remote-node'], second],
    });
  });

  test('a policy about a pod’s very address does not take its identity away, and keeps its own when the pod goes', () => {
    expect(bookOf({}, '10.244.1.2/32').rows()['10.244.1.2/32']).toEqual([256, 0]);
    const { cidrs, book, rows } = bookOf({ cidrSelects: ['pods'] }, '10.244.1.2/32');
    expect(rows()['10.244.1.2/32']).toEqual([256, first]);
    book.setPod(A, undefined);
    expect(rows()['10.244.1.2/32']).toEqual([first, 0]);
    cidrs.release(prefix('10.244.1.2/32'));
    book.followPrefixes();
    expect(rows()).toEqual({ ...WORLD, ...NODE });
  });

  test('addresses never take the room of prefixes; one that had none gets it when another goes', () => {
    const { book, rows } = bookOf({ maxAddresses: 2 });
    book.setPod(parseAddr('10.244.1.3'), claim('x/b', 257));
    expect(rows()).toEqual({ ...WORLD, ...NODE, '10.244.1.2/32': [256, 0] });
    expect(book.unplaced).toBe(1);
    book.setPod(A, undefined);
    expect(rows()).toEqual({ ...WORLD, ...NODE, '10.244.1.3/32': [257, 0] });
    expect(book.unplaced).toBe(0);
  });

  test('says what changed, and nothing of what did not', () => {
    const { cidrs, book, rows } = bookOf({ cidrSelects: ['pods'] });
    const changes = () =>
      Object.fromEntries(Array.from(book.changes(), ([text, row]) => [text, row?.value.identity ?? 'none']));
    const B = parseAddr('10.244.1.3');
    expect(changes()).toEqual({
      '0.0.0.0/0': 2,
      '::/0': 2,
      '172.18.0.3/32': RESERVED_IDS['remote-node'],
      '10.244.1.2/32': 256,
    });
    expect(changes()).toEqual({});
    book.setPod(B, claim('x/b', 257));
    expect(changes()).toEqual({ '10.244.1.3/32': 257 });
    book.setPod(B, undefined);
    book.setPod(B, claim('x/b', 258));
    expect(changes()).toEqual({ '10.244.1.3/32': 258 });
    cidrs.acquire(prefix('10.244.1.2/31'));
    book.followPrefixes();
    expect(changes()).toEqual({ '10.244.1.2/31': first, '10.244.1.2/32': 256, '10.244.1.3/32': 258 });
    book.setPod(B, undefined);
    expect(changes()).toEqual({ '10.244.1.3/32': 'none' });
    book.followRanges({ services: [prefix('10.244.1.2/32')], pods: [prefix('10.244.0.0/16')] });
    expect(changes()).toEqual({
      '10.244.0.0/16': RESERVED_IDS['pod-range'],
      '10.244.1.2/31': 'none',
      '10.244.1.2/32': RESERVED_IDS['service-range'],
    });
    expect(rows()['10.244.1.2/32']).toEqual([RESERVED_IDS['service-range'], 0]);
  });

  test('a range of pods within one of services decides as long as it is there', () => {
    const { book, rows } = bookOf();
    const services = [prefix('10.244.0.0/16')];
    book.followRanges({ services, pods: [prefix('10.244.1.0/24')] });
    book.changes();
    expect(rows()).toMatchObject({ '10.244.1.2/32': [256, 0] });
    book.followRanges({ services, pods: [] });
    expect([...book.changes()]).toContainEqual(['10.244.1.2/32', undefined]);
    book.followRanges({ services, pods: [prefix('10.244.1.0/24')] });
    expect(book.changes().get('10.244.1.2/32')?.value.identity).toBe(256);
  });

  test('whatever changes: what it said of that adds up to all that there is, and no row is another in one generation', () => {
    const addrs = ['10.244.1.2', '10.244.1.3', '10.244.2.2', '172.18.0.3', '10.96.0.1'].map(parseAddr);
    const addr = fc.constantFrom(...addrs);
    const named = fc.constantFrom('10.244.1.0/24', '10.244.1.2/31', '10.244.1.3/32', '0.0.0.0/0', '10.96.0.0/16');
    const ranges = fc.subarray(['10.244.0.0/16', '10.244.1.0/24', '10.96.0.0/16', '10.96.0.1/32'].map(prefix));
    const step = fc.oneof(
      fc.record({ kind: fc.constant('pod' as const), addr, id: fc.option(fc.integer({ min: 256, max: 300 })) }),
      fc.record({ kind: fc.constant('node' as const), addrs: fc.subarray(addrs) }),
      fc.record({ kind: fc.constant('named' as const), named }),
      fc.record({ kind: fc.constant('ranges' as const), services: ranges, pods: ranges }),
      fc.record({ kind: fc.constant('apiServers' as const), addrs: fc.subarray(addrs) }),
    );
    const texts = [
      '0.0.0.0/0',
      '::/0',
      ...addrs.map((one) => `${one}/32`),
      '10.244.0.0/16',
      '10.244.1.0/24',
      '10.96.0.0/16',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (rounds, maxAddresses) => {
          const { cidrs, book } = bookOf({ cidrSelects: ['pods'], maxAddresses });
          const known = new Map<string, string>();
          let [generation, said] = [book.generation, ''];
          const look = (): void => {
            const now = JSON.stringify(texts.map((text) => book.valueAt(text) ?? 'none'));
            if (generation === book.generation && said !== '') expect(now).toBe(said);
            [generation, said] = [book.generation, now];
          };
          const held = new Set<string>();
          for (const round of rounds) {
            for (const one of round) {
              if (one.kind === 'pod') book.setPod(one.addr, one.id === null ? undefined : claim('x/a', one.id));
              else if (one.kind === 'node') book.setNode(namespacedName({ name: 'n2' }), one.addrs);
              else if (one.kind === 'ranges') book.followRanges(one);
              else if (one.kind === 'apiServers') book.setApiServers(one.addrs);
              else {
                if (held.delete(one.named)) cidrs.release(prefix(one.named));
                else {
                  held.add(one.named);
                  cidrs.acquire(prefix(one.named));
                }
                book.followPrefixes();
              }
              look();
            }
            for (const [text, row] of book.changes()) {
              if (row === undefined) known.delete(text);
              else known.set(text, textOf(row));
            }
            look();
            const all = Array.from(book.desired(), ([text, row]) => [text, textOf(row)]);
            expect(Object.fromEntries(known)).toEqual(Object.fromEntries(all));
          }
        },
      ),
    );
  });
});

const textOf = ({ prefix: of, value }: IpcacheRow): string =>
  `${of.toString()} ${value.identity} ${value.cidrIdentity}`;
