import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addrFromValue, parseAddr } from './addr.ts';
import { Prefix } from './prefix.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('Prefix.parse', () => {
  test.each(['0.0.0.0/0', '10.0.0.0/8', '192.0.2.1/32', '::/0', '2001:db8::/32', '::1/128'])('%s is itself', (text) =>
    expect(Prefix.parse(text).toString()).toBe(text),
  );

  test.each([
    '',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    '/8',
    '::/1e1',
  ])('refuses %j', (text) =>
    expect(() => Prefix.parse(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^E_NET_(PREFIX|ADDR)$/) }),
    ),
  );

  test.each([
    ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
    ['::ffff:c000:200/120', '192.0.2.0/24'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['::ffff:10.1.2.3/128', '10.1.2.3/32'],
    ['::192.0.2.0/120', '::c000:200/120'],
    ['::fffe:0:0/95', '::fffe:0:0/95'],
    ['::/80', '::/80'],
  ])('%s, in which IPv4 lies or seems to lie, is %s', (text, canonical) => {
    expect(Prefix.parse(text).toString()).toBe(canonical);
    expect(Prefix.parse(canonical).equals(Prefix.parse(text))).toBe(true);
  });

  test('a v4-mapped address in a prefix around all of IPv4 is IPv6, with host bits', () => {
    expect(() => Prefix.parse('::ffff:0:0/95')).toThrow(code('E_NET_PREFIX_HOST_BITS'));
    expect(Prefix.parse('::ffff:1.2.3.4/95', { hostBits: 'clear' }).toString()).toBe('::fffe:0:0/95');
    expect(Prefix.parse('::ffff:1.2.3.4/0', { hostBits: 'clear' }).contains(parseAddr('1.2.3.4'))).toBe(false);
  });

  test('refuses or clears host bits', () => {
    expect(() => Prefix.parse('10.1.2.3/8')).toThrow(code('E_NET_PREFIX_HOST_BITS'));
    expect(Prefix.parse('10.1.2.3/8', { hostBits: 'clear' }).toString()).toBe('10.0.0.0/8');
    expect(Prefix.parse('2001:db8::1/32', { hostBits: 'clear' }).toString()).toBe('2001:db8::/32');
  });
});

describe('arithmetic', () => {
  test('at, size, network', () => {
    const prefix = Prefix.parse('10.244.1.0/24');
    expect(prefix.size).toBe(256n);
    expect(prefix.network).toBe('10.244.1.0');
    expect(prefix.at(255n)).toBe('10.244.1.255');
    expect(() => prefix.at(256n)).toThrow(code('E_NET_PREFIX'));
    expect(() => prefix.at(-1n)).toThrow(code('E_NET_PREFIX'));
    expect(Prefix.parse('::/0').size).toBe(1n << 128n);
  });

  test('families never contain each other', () => {
    expect(Prefix.parse('0.0.0.0/0').contains(parseAddr('::1'))).toBe(false);
    expect(Prefix.parse('::/0').contains(parseAddr('10.0.0.1'))).toBe(false);
    expect(Prefix.parse('::/0').contains(Prefix.parse('0.0.0.0/0'))).toBe(false);
  });

  test('contains its first and last address, not their neighbours', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 32 }), (value, length) => {
        const prefix = Prefix.of(addrFromValue(4, BigInt(value)), length);
        expect(prefix.contains(prefix.network)).toBe(true);
        expect(prefix.contains(prefix.at(prefix.size - 1n))).toBe(true);
        expect(prefix.contains(prefix)).toBe(true);
        const after = prefix.value + prefix.size;
        if (after <= 0xffff_ffffn) expect(prefix.contains(addrFromValue(4, after))).toBe(false);
        if (prefix.value > 0n) expect(prefix.contains(addrFromValue(4, prefix.value - 1n))).toBe(false);
        expect(Prefix.parse(prefix.toString()).equals(prefix)).toBe(true);
      }),
    );
  });
});
