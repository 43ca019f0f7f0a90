import { describe, expect, test } from 'vitest';
import { parseAddr } from './addr.ts';
import { macBytes, macFromBytes, macOfAddr, parseMac } from './mac.ts';
import { protocolName } from './protocol.ts';

describe('MAC addresses', () => {
  test('parse, bytes and back', () => {
    const mac = parseMac('0A:58:0a:f4:01:02');
    expect(mac).toBe('0a:58:0a:f4:01:02');
    expect(macFromBytes(macBytes(mac))).toBe(mac);
  });

  test('of an address: 0a:58 and its last four bytes', () => {
    expect(macOfAddr(parseAddr('10.244.1.2'))).toBe('0a:58:0a:f4:01:02');
    expect(macOfAddr(parseAddr('169.254.1.1'))).toBe('0a:58:a9:fe:01:01');
  });

  test.each([
    '',
    '0a:58:0a:f4:01',
    '0a-58-0a-f4-01-02',
    '0a:58:0a:f4:01:02:03',
    'ga:58:0a:f4:01:02',
    '0a:58:0a:f4:01:02\n',
  ])('refuses %j', (text) => expect(() => parseMac(text)).toThrow(expect.objectContaining({ code: 'E_NET_MAC' })));
});

test('protocols by name, or by number where they have none', () => {
  expect([6, 17, 132, 1, 58, 47].map(protocolName)).toEqual(['TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPv6', '47']);
});
