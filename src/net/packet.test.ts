import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddr } from './addr.ts';
import { crc32c, internetChecksum } from './checksum.ts';
import { parseMac } from './mac.ts';
import { buildDatagram, buildPacket, type PacketSpec, type TransportSpec } from './packet.ts';
import { parseDatagram, parsePacket } from './testkit.ts';

const ethernet = { source: parseMac('0a:58:0a:f4:01:02'), destination: parseMac('0a:58:a9:fe:01:01') };
const ipv4 = { kind: 'ipv4', source: parseAddr('10.244.1.2'), destination: parseAddr('10.244.1.3') } as const;
const ipv6 = { kind: 'ipv6', source: parseAddr('fd00::1'), destination: parseAddr('fd00::2') } as const;

describe('checksums', () => {
  it('agree with published vectors', () => {
    // RFC 1071, section 3; RFC 3720, B.4.
    expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(0x220d);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });
});

describe('buildPacket', () => {
  const port = fc.integer({ min: 0, max: 0xffff });
  const payload = fc.uint8Array({ maxLength: 100 });
  const transport: fc.Arbitrary<TransportSpec> = fc.oneof(
    fc.record({
      kind: fc.constant('tcp' as const),
      sourcePort: port,
      destinationPort: port,
      flags: fc.uniqueArray(fc.constantFrom('SYN' as const, 'ACK' as const, 'FIN' as const, 'RST' as const)),
      payload,
    }),
    fc.record({ kind: fc.constant('udp' as const), sourcePort: port, destinationPort: port, payload }),
    fc.record({ kind: fc.constant('sctp' as const), sourcePort: port, destinationPort: port }),
    fc.record({ kind: fc.constant('icmp' as const), type: fc.constantFrom(8, 128), id: port, sequence: port, payload }),
  );

  it('makes frames that the parser reads back with right checksums', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(ipv4, ipv6),
        transport,
        fc.option(fc.integer({ min: 0, max: 4095 })),
        (net, t, vlan) => {
          const parsed = parsePacket(
            buildPacket({ ethernet: vlan === null ? ethernet : { ...ethernet, vlan }, network: net, transport: t }),
          );
          expect(parsed).toMatchObject({ ...ethernet, ...(vlan === null ? {} : { vlan }) });
          expect(parsed.ip).toMatchObject({ source: net.source, destination: net.destination, checksumOk: true });
          expect(parsed.transport?.checksumOk).toBe(true);
          if (t.kind === 'tcp' || t.kind === 'udp' || t.kind === 'sctp') {
            expect(parsed.transport).toMatchObject({ sourcePort: t.sourcePort, destinationPort: t.destinationPort });
          }
          if (t.kind === 'tcp') expect(parsed.transport?.tcp?.flags.toSorted()).toEqual(t.flags.toSorted());
          if (t.kind === 'icmp') expect(parsed.transport?.icmp).toMatchObject({ type: t.type, id: t.id });
        },
      ),
    );
  });

  it('notices a changed byte', () => {
    const frame = buildPacket({
      ethernet,
      network: ipv4,
      transport: { kind: 'tcp', sourcePort: 1, destinationPort: 2, flags: ['SYN'] },
    });
    for (let i = 14; i < frame.length; i += 1) {
      const broken = Uint8Array.from(frame);
      broken[i] = (broken[i] ?? 0) ^ 0x20;
      const ok = ((): boolean => {
        try {
          const { ip, transport } = parsePacket(broken);
          return ip?.checksumOk === true && transport?.checksumOk === true;
        } catch {
          return false;
        }
      })();
      expect(ok, `byte ${i}`).toBe(false);
    }
  });

  it('builds ARP', () => {
    const arp = {
      kind: 'arp',
      operation: 'request',
      senderMac: ethernet.source,
      senderIp: ipv4.source,
      targetMac: parseMac('00:00:00:00:00:00'),
      targetIp: parseAddr('169.254.1.1'),
    } as const;
    const { kind: _, operation: __, ...rest } = arp;
    expect(parsePacket(buildPacket({ ethernet, network: arp })).arp).toEqual({ operation: 1, ...rest });
  });

  it('builds options, fragments and broken lengths on request', () => {
    const network = { ...ipv4, options: Uint8Array.of(7, 3, 4), id: 9, moreFragments: true, fragmentOffset: 1480 };
    const spec: PacketSpec = { ethernet, network, transport: { kind: 'raw', protocol: 17, bytes: new Uint8Array(16) } };
    const parsed = parsePacket(buildPacket(spec));
    expect(parsed.ip).toMatchObject({
      id: 9,
      moreFragments: true,
      fragmentOffset: 1480,
      protocol: 17,
      checksumOk: true,
    });
    expect(parsed.ip?.payload.length).toBe(16);
    expect(parsed.transport).toBeUndefined();
    const short = parsePacket(buildPacket({ ethernet, network: { ...ipv4, totalLength: 20 } }));
    expect(short.ip?.payload.length).toBe(0);
  });

  it('chains IPv6 extension headers', () => {
    const network = {
      ...ipv6,
      extensions: [
        { type: 0, body: Uint8Array.of(5, 2, 0, 0, 1, 0) },
        { type: 44, body: Uint8Array.of(0, 1, 0, 0, 0, 7) },
      ],
    };
    const parsed = parsePacket(
      buildPacket({ ethernet, network, transport: { kind: 'udp', sourcePort: 5, destinationPort: 53 } }),
    );
    expect(parsed.ip).toMatchObject({ protocol: 17, id: 7, moreFragments: true, fragmentOffset: 0 });
    expect(parsed.transport).toMatchObject({ destinationPort: 53, checksumOk: true });
  });

  it('quotes a datagram in an ICMP error', () => {
    const inner = buildDatagram({ network: ipv4, transport: { kind: 'udp', sourcePort: 5, destinationPort: 53 } });
    const error = parsePacket(
      buildPacket({ ethernet, network: ipv4, transport: { kind: 'icmp', type: 3, code: 3, payload: inner } }),
    );
    expect(error.transport?.checksumOk).toBe(true);
    expect(parseDatagram(error.transport?.payload ?? new Uint8Array(0)).transport?.destinationPort).toBe(53);
  });
});
