import { buildPacket, type EthernetSpec, parseAddr, parseMac, type TransportSpec } from '../../net/index.ts';
import type { FrameCase } from './frame-case.ts';
import { concat, GATEWAY } from './frames.ts';
import type { SpoofScene } from './spoof-frames.ts';

const LINK_LOCAL = parseAddr('fe80::1');
const GLOBAL = parseAddr('2001:db8::1');
const ALL_NODES = parseAddr('ff02::1');
const ALL_NODES_MAC = parseMac('33:33:00:00:00:01');

/** ICMPv6 messages of neighbour discovery (RFC 4861) by type. */
const NDP = {
  'router-solicitation': 133,
  'neighbour-solicitation': 135,
  'neighbour-advertisement': 136,
  redirect: 137,
};

/** Ethertypes nobody asked for, and a frame of the 802.3 kind (a length in place of a type: spanning tree and such). */
const ETHERTYPES: Readonly<Record<string, number>> = {
  lldp: 0x88cc,
  mpls: 0x8847,
  pppoe: 0x8863,
  eapol: 0x888e,
  profinet: 0x8892,
  rarp: 0x8035,
  'bridge-protocol': 0x0026,
  experimental: 0x88b5,
};

/** IPv6 in every shape that would take effect somewhere, and ethertypes that no policy can speak about. */
export function disabledProtocolCases(scene: SpoofScene): FrameCase[] {
  const { attacker } = scene;
  const ethernet: EthernetSpec = { source: attacker.mac, destination: ALL_NODES_MAC };
  const v6 = (transport: TransportSpec, changes: Partial<EthernetSpec> = {}, hopLimit = 255) =>
    buildPacket({
      ethernet: { ...ethernet, ...changes },
      network: { kind: 'ipv6', source: LINK_LOCAL, destination: ALL_NODES, hopLimit },
      transport,
    });
  const icmp = (type: number, marker: Uint8Array): TransportSpec => ({
    kind: 'icmp',
    type,
    payload: concat(new Uint8Array(16), marker),
  });
  const cases: FrameCase[] = [
    {
      name: 'router-advertisement',
      tried: 'IPv6 router advertisements: "I am your gateway" (CVE-2020-10749)',
      reason: 'ipv6-disabled',
      frames: (marker) => [v6(icmp(134, marker))],
    },
    {
      name: 'neighbour-discovery',
      tried: 'IPv6 neighbour and router solicitations, advertisements and redirects',
      reason: 'ipv6-disabled',
      frames: (marker) => Object.values(NDP).map((type) => v6(icmp(type, marker))),
    },
    {
      name: 'ipv6-ping',
      tried: 'IPv6 pings, to everybody and to the gateway',
      reason: 'ipv6-disabled',
      frames: (marker) => [v6(icmp(128, marker)), v6(icmp(128, marker), { destination: GATEWAY.mac }, 64)],
    },
    {
      name: 'ipv6-udp',
      tried: 'IPv6 UDP and TCP through the gateway, DHCPv6 among it',
      reason: 'ipv6-disabled',
      frames: (marker) => [
        v6({ kind: 'udp', sourcePort: 546, destinationPort: 547, payload: marker }),
        ...(['udp', 'tcp'] as const).map((kind) =>
          buildPacket({
            ethernet: { source: attacker.mac, destination: GATEWAY.mac },
            network: { kind: 'ipv6', source: GLOBAL, destination: parseAddr('2001:db8::2') },
            transport:
              kind === 'udp'
                ? { kind, sourcePort: 40_000, destinationPort: 53, payload: marker }
                : { kind, sourcePort: 40_000, destinationPort: 443, flags: ['SYN'], payload: marker },
          }),
        ),
      ],
    },
    {
      name: 'ipv6-extensions',
      tried: 'IPv6 with hop-by-hop, routing and fragment headers',
      reason: 'ipv6-disabled',
      frames: (marker) =>
        [0, 43, 44].map((type) =>
          buildPacket({
            ethernet: { source: attacker.mac, destination: GATEWAY.mac },
            network: {
              kind: 'ipv6',
              source: GLOBAL,
              destination: parseAddr('2001:db8::2'),
              extensions: [{ type, body: new Uint8Array(6) }],
            },
            transport: { kind: 'udp', sourcePort: 40_000, destinationPort: 53, payload: marker },
          }),
        ),
    },
  ];
  return [
    ...cases,
    {
      name: 'ethertypes',
      tried: `frames that are neither IP nor ARP: ${Object.keys(ETHERTYPES).join(', ')}`,
      reason: 'unknown-l3',
      count: 5,
      frames: (marker) =>
        Object.values(ETHERTYPES).map((etherType) =>
          buildPacket({
            ethernet: { source: attacker.mac, destination: GATEWAY.mac },
            network: { kind: 'raw', etherType, bytes: concat(new Uint8Array(26), marker) },
          }),
        ),
    },
  ];
}
