import { describe, expect, test } from 'vitest';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import { CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import { CIDR_RANGE } from '../identity/reserved.ts';
import { identityId } from '../model/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { AddressBook } from './address-book.ts';

const prefix = (text: string): Prefix => Prefix.parse(text);
const pod = (key: string) => ({ kind: 'pod', key: key as NamespacedName }) as const;

function bookOf(options: { cidrSelects?: ('pods' | 'nodes')[]; maxAddresses?: number } = {}, ...prefixes: string[]) {
  const cidrs = new CidrIdentities();
  for (const text of prefixes) cidrs.acquire(prefix(text));
  const book = new AddressBook({ cidrs, cidrSelects: [], ...options });
  book.claim(
    { kind: 'node', key: namespacedName({ name: 'n2' }) },
    [parseAddr('172.18.0.3')],
    RESERVED_IDS['remote-node'],
  );
  book.claim(pod('x/a'), [parseAddr('10.244.1.2')], identityId(256));
  book.followPrefixes();
  const rows = () =>
    Object.fromEntries(Array.from(book.desired(), ([text, { value }]) => [text, [value.identity, value.cidrIdentity]]));
  return { cidrs, book, rows };
}

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
    book.release(pod('x/a'));
    expect(rows()['10.244.1.2/32']).toEqual([first, 0]);
    cidrs.release(prefix('10.244.1.2/32'));
    book.followPrefixes();
    expect(rows()).toEqual({ ...WORLD, ...NODE });
  });

  test('addresses never take the room of prefixes; one that had none gets it when another goes', () => {
    const { book, rows } = bookOf({ maxAddresses: 2 });
    book.claim(pod('x/b'), [parseAddr('10.244.1.3')], identityId(257));
    expect(rows()).toEqual({ ...WORLD, ...NODE, '10.244.1.2/32': [256, 0] });
    expect(book.unplaced).toBe(1);
    book.release(pod('x/a'));
    expect(rows()).toEqual({ ...WORLD, ...NODE, '10.244.1.3/32': [257, 0] });
    expect(book.unplaced).toBe(0);
  });
});
