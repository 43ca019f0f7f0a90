import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointId, identityId, ifindex } from '../../model/index.ts';
import { parseAddr, parseMac } from '../../net/index.ts';
import { addrFromValue } from '../../net/testkit.ts';
import { decodeEvent, EVENT_SIZE, type Event, encodeEvent } from '../gen/codecs.ts';
import { type Config, decodeConfig, encodeConfig, ZERO_CONFIG } from '../gen/config.ts';
import { enumName, readAddr, writeAddr } from './codec.ts';

describe('generated codecs', () => {
  it('keep an address of either family', () => {
    const addr = fc.oneof(
      fc.bigInt({ min: 0n, max: 0xffff_ffffn }).map((value) => addrFromValue(4, value)),
      // 0:0:0:0:0:ffff::/96 is how IPv4 is kept.
      fc.bigInt({ min: 0x1_0000_0000_0000n, max: (1n << 128n) - 1n }).map((value) => addrFromValue(6, value)),
    );
    fc.assert(
      fc.property(addr, fc.nat(8), (value, offset) => {
        const view = new DataView(new ArrayBuffer(32));
        writeAddr(view, offset, value);
        expect(readAddr(view, offset)).toBe(value);
      }),
    );
  });

  it('put ports in network order and the rest in host order', () => {
    const event: Event = {
      timestamp: 123_456_789_012_345,
      source: parseAddr('10.244.1.2'),
      destination: parseAddr('fd00::1'),
      sourcePort: 0x1234,
      destinationPort: 80,
      sourceIdentity: identityId(300),
      destinationIdentity: identityId(2),
      sourceEndpoint: endpointId(1),
      destinationEndpoint: endpointId(0),
      rule: [5, 6] as unknown as Event['rule'],
      length: 54,
      ifindex: ifindex(9),
      ethertype: 0x800,
      type: 'drop',
      reason: 'policy-egress',
      hook: 'from-pod',
      protocol: 6,
      tcpFlags: 2,
      isReply: true,
    };
    const bytes = encodeEvent(event);
    expect(bytes.length).toBe(EVENT_SIZE);
    expect([...bytes.subarray(40, 44)]).toEqual([0x12, 0x34, 0, 80]);
    expect([...bytes.subarray(44, 46)]).toEqual([0x2c, 0x01]);
    expect(decodeEvent(new DataView(bytes.buffer))).toEqual(event);
  });

  it('take null for no address, and zero bytes for a zero config', () => {
    expect(encodeConfig(ZERO_CONFIG).every((byte) => byte === 0)).toBe(true);
    const config: Config = {
      ...ZERO_CONFIG,
      enablePolicy: true,
      ipv4: parseAddr('10.0.0.1'),
      mac: parseMac('0a:58:0a:00:00:01'),
      gatewayIpv4: parseAddr('169.254.1.1'),
      tunnelPort: 8472,
      snatPortMin: 32_768,
    };
    const bytes = encodeConfig(config);
    expect(decodeConfig(new DataView(bytes.buffer))).toEqual(config);
  });

  it('refuse a number that is no member of an enum', () => {
    expect(() => enumName([undefined, 'a'], 0)).toThrow(RangeError);
    expect(() => enumName(['a'], 7)).toThrow(RangeError);
  });
});
