import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import {
  addrBytes,
  addrBytes16,
  addrFamily,
  addrFromBytes,
  addrFromValue,
  addrValue,
  isAddr,
  parseAddr,
} from './addr.ts';

describe('parseAddr', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['2001:db8:0:0:0:0:0:0', '2001:db8::'],
    ['::', '::'],
  ])('%s is %s', (text, canonical) => expect(parseAddr(text)).toBe(canonical));

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.04',
    '0x7f.0.0.1',
    '127.1',
    '2130706433',
    'fe80::1%eth0',
    '1.2.3.4/8',
    ' 1.2.3.4',
    '::1 ',
    '1::2::3',
    'example.com',
    '[::1]',
  ])('refuses %j', (text) => {
    expect(isAddr(text)).toBe(false);
    expect(() => parseAddr(text)).toThrow(expect.objectContaining({ code: 'E_NET_ADDR' }));
  });

  test('an IPv4 address in IPv6 clothes is the IPv4 address, and no other IPv6 address is', () => {
    expect(parseAddr('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(parseAddr('::ffff:c000:201')).toBe('192.0.2.1');
    expect(parseAddr('::192.0.2.1')).toBe('::c000:201');
    expect(parseAddr('64:ff9b::192.0.2.1')).toBe('64:ff9b::c000:201');
  });
});

const family = fc.constantFrom(4 as const, 6 as const);
const address = family.chain((kind) =>
  fc.bigInt({ min: 0n, max: kind === 4 ? 0xffff_ffffn : (1n << 128n) - 1n }).map((value) => addrFromValue(kind, value)),
);

describe('conversions', () => {
  test('text, value and bytes say the same', () => {
    fc.assert(
      fc.property(address, (addr) => {
        expect(parseAddr(addr)).toBe(addr);
        expect(addrFromValue(addrFamily(addr), addrValue(addr))).toBe(addr);
        expect(addrBytes(addr)).toHaveLength(addrFamily(addr) === 4 ? 4 : 16);
        expect(addrFromBytes(addrBytes16(addr))).toBe(addr);
      }),
    );
  });

  test.each([
    ['0:0:1:0:0:0:1:0', '0:0:1::1:0'],
    ['1:0:0:1:0:0:1:1', '1::1:0:0:1:1'],
    ['1:0:1:1:1:1:1:1', '1:0:1:1:1:1:1:1'],
    ['0:0:0:0:0:ffff:0:0', '0.0.0.0'],
    ['0:0:0:0:1:ffff:1:2', '::1:ffff:1:2'],
  ])('%s is written %s', (long, text) => {
    const bytes = Uint8Array.from(long.split(':').flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16)]));
    expect(addrFromBytes(bytes)).toBe(text);
  });

  test('IPv6 is written, and read again, as the library does', () => {
    const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const bytes = groups.flatMap((one) => [one >> 8, one & 255]);
        const known = ipaddr.fromByteArray(bytes) as ipaddr.IPv6;
        const written = known.isIPv4MappedAddress() ? known.toIPv4Address().toString() : known.toRFC5952String();
        const addr = addrFromBytes(Uint8Array.from(bytes));
        expect(addr).toBe(written);
        expect([...addrBytes16(addr)]).toEqual(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  test('IPv4 in 16 bytes is v4-mapped', () => {
    expect([...addrBytes16(parseAddr('1.2.3.4'))]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]);
  });
});
