import { describe, expect, test } from 'vitest';
import { namespacedName } from '../base/index.ts';
import { CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import { CIDR_RANGE } from '../identity/reserved.ts';
import { identityId } from '../model/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { AddressBook } from './address-book.ts';

const prefixes = (...texts: string[]): Prefix[] => texts.map((text) => Prefix.parse(text));
const SERVICES = RESERVED_IDS['service-range'];
const PODS = RESERVED_IDS['pod-range'];
const RANGES = { services: prefixes('10.96.0.0/12'), pods: prefixes('10.244.1.0/24', '10.244.2.0/24') };

function bookOf(...named: string[]) {
  const cidrs = new CidrIdentities();
  for (const prefix of prefixes(...named)) cidrs.acquire(prefix);
  const book = new AddressBook({ cidrs, cidrSelects: ['pods', 'nodes'] });
  book.followPrefixes();
  book.followRanges(RANGES);
  const at = (text: string) => {
    const rows = Array.from(book.desired().values()).filter(({ prefix }) => prefix.contains(parseAddr(text)));
    return rows.toSorted((a, b) => b.prefix.length - a.prefix.length)[0]?.value.identity;
  };
  return { cidrs, book, at };
}

describe('the ranges of the cluster', () => {
  test('are nobody’s where nobody has the address', () => {
    const { at } = bookOf();
    expect(['10.96.0.1', '10.111.255.255', '10.244.1.7', '10.244.2.7'].map(at)).toEqual([
      SERVICES,
      SERVICES,
      PODS,
      PODS,
    ]);
    expect(['10.95.255.255', '10.112.0.0', '10.244.3.7', '198.51.100.1'].map(at)).toEqual(
      Array(4).fill(RESERVED_IDS.world),
    );
  });

  test.each([
    '0.0.0.0/0',
    '10.0.0.0/8',
    '10.96.0.0/12',
    '10.96.0.0/16',
    '10.96.0.1/32',
    '::/0',
    '10.244.1.0/24',
    '10.244.1.7/32',
  ])('stay so whether a policy named %s before or names it afterwards', (named) => {
    const first = bookOf(named);
    const { cidrs, book, at } = bookOf();
    cidrs.acquire(Prefix.parse(named));
    book.followPrefixes();
    for (const of of [first.at, at]) expect(['10.96.0.1', '10.244.1.7'].map(of)).toEqual([SERVICES, PODS]);
  });

  test('give way to owners, but no pod has an address of services', () => {
    const { book, at } = bookOf('10.0.0.0/8');
    const pod = { kind: 'pod', key: namespacedName({ namespace: 'x', name: 'a' }) } as const;
    for (const text of ['10.244.2.7', '10.96.0.9']) {
      book.setPod(parseAddr(text), { owner: pod, identity: identityId(300), tunnel: null });
    }
    const node = namespacedName({ name: 'n' });
    book.setNode(node, ['10.244.1.1', '10.96.0.8'].map(parseAddr));
    expect(['10.244.2.7', '10.96.0.9', '10.244.1.1', '10.96.0.8'].map(at)).toEqual([
      300,
      SERVICES,
      RESERVED_IDS['remote-node'],
      RESERVED_IDS['remote-node'],
    ]);
    book.setPod(parseAddr('10.244.2.7'), undefined);
    expect(at('10.244.2.7')).toBe(PODS);
  });

  test('that go are what policies name again, or the world', () => {
    const { book, at } = bookOf('10.96.0.0/16');
    book.followRanges({ services: prefixes('10.97.0.1/32'), pods: [] });
    expect(['10.96.0.1', '10.97.0.1', '10.97.0.2', '10.244.1.7'].map(at)).toEqual([
      CIDR_RANGE.first,
      SERVICES,
      RESERVED_IDS.world,
      RESERVED_IDS.world,
    ]);
    book.followRanges({ services: [], pods: [] });
    expect(at('10.97.0.1')).toBe(RESERVED_IDS.world);
  });
});
