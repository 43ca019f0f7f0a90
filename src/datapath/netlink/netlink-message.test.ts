import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ifindex } from '../../model/index.ts';
import { parseAddr, parseMac } from '../../net/index.ts';
import { describeReply, newAddr, newNeighbour, newRoute, parseLink } from './netdev-message.ts';
import {
  attribute,
  concatBytes,
  encodeMessages,
  linkHeader,
  parseAttributes,
  parseMessages,
  RTM,
  text,
  u32,
} from './netlink-message.ts';

describe('netlink messages', () => {
  it('read back as they were written, padded or not', () => {
    const message = fc.record({ type: fc.nat(100), payload: fc.uint8Array({ maxLength: 40 }) });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const bytes = encodeMessages(
          messages.map((m) => ({ ...m, flags: 0 })),
          7,
        );
        expect(bytes.length % 4).toBe(0);
        expect(parseMessages(bytes)).toEqual(
          messages.map((m, i) => ({
            type: m.type,
            sequence: 7 + i,
            isInterrupted: false,
            payload: Uint8Array.from(m.payload),
          })),
        );
      }),
    );
  });

  it('read attributes back, and stop at garbage', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 6 }), (values) => {
        const parsed = parseAttributes(concatBytes(...values.map((value, i) => attribute(i + 1, value))));
        expect([...parsed.values()].map((v) => [...v])).toEqual(values.map((v) => [...v]));
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void parseAttributes(bytes)));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void parseMessages(bytes)));
  });

  it('describe what they would make', () => {
    const index = ifindex(5);
    const line = (change: { type: number; payload: Uint8Array }): string =>
      describeReply({ ...change, sequence: 0, isInterrupted: false }).line;
    expect(line(newAddr(index, parseAddr('10.0.0.1')))).toBe('address 10.0.0.1/32');
    expect(line(newRoute({ to: parseAddr('169.254.1.1'), ifindex: index }))).toBe('route to 169.254.1.1');
    expect(line(newRoute({ via: parseAddr('169.254.1.1'), ifindex: index }))).toBe('route to default via 169.254.1.1');
    expect(line(newNeighbour(index, parseAddr('10.0.0.1'), parseMac('0a:58:0a:00:00:01')))).toBe(
      'permanent neighbour 10.0.0.1 at 0a:58:0a:00:00:01',
    );
    expect(() => newRoute({ ifindex: index })).toThrow(TypeError);
  });

  it('parse a link', () => {
    const payload = concatBytes(
      linkHeader({ index: 3, up: true }),
      attribute(3, text('mbr0001')),
      attribute(1, Uint8Array.of(10, 88, 10, 0, 0, 1)),
      attribute(4, u32(1450)),
    );
    expect(parseLink({ type: RTM.newLink, sequence: 0, isInterrupted: false, payload })).toEqual({
      ifindex: 3,
      name: 'mbr0001',
      isEthernet: false,
      isPort: false,
      mac: '0a:58:0a:00:00:01',
      mtu: 1450,
      up: true,
    });
  });
});
