import type { FrameCase } from '../../../src/demonstration/frames/frame-case.ts';
import { BROADCAST_MAC, concat, GATEWAY, ping, podFrame, syn, udp } from '../../../src/demonstration/frames/frames.ts';
import type { SpoofScene } from '../../../src/demonstration/frames/spoof-frames.ts';
import { type Addr, buildDatagram, buildPacket, parseAddr, type TcpFlag } from '../../../src/net/index.ts';

const LOOSE_SOURCE_ROUTE = 131;
const RECORD_ROUTE = 7;
const ROUTER_ALERT = 148;
/** ICMP types that are no echo, no timestamp and no error (RFC 792, RFC 1256, RFC 950), and some nobody assigned. */
const ODD_ICMP_TYPES = [1, 4, 6, 9, 10, 15, 16, 17, 18, 30, 42, 255];
/** IGMP, IPIP, EGP, RSVP, GRE, ESP, AH, OSPF, and IPv6 in IPv4. */
const ODD_PROTOCOLS = [2, 4, 8, 46, 47, 50, 51, 89, 41, 255];

/** Frames that are the pod's own and still must not pass, each for a reason of its own. */
export function hostileCases(scene: SpoofScene): FrameCase[] {
  const { attacker, friend, victim, victimPort, node } = scene;
  const to = (destination: Addr, marker: Uint8Array, sourcePort = 40_000) =>
    podFrame(attacker, destination, udp(sourcePort, victimPort, marker));
  const icmp = (type: number, payload: Uint8Array, code = 0) =>
    podFrame(attacker, victim.ip, { kind: 'icmp', type, code, id: 7, sequence: 1, payload });
  const tcp = (flags: readonly TcpFlag[], payload: Uint8Array) =>
    podFrame(attacker, victim.ip, {
      kind: 'tcp',
      sourcePort: 40_000,
      destinationPort: victimPort,
      flags,
      sequence: 1,
      payload,
    });
  const fragment = (protocol: number, offset: number, more: boolean, marker: Uint8Array) =>
    buildPacket({
      ethernet: { source: attacker.mac, destination: GATEWAY.mac },
      network: {
        kind: 'ipv4',
        source: attacker.ip,
        destination: victim.ip,
        id: 4711,
        fragmentOffset: offset,
        moreFragments: more,
      },
      transport: { kind: 'raw', protocol, bytes: concat(marker, new Uint8Array(12)) },
    });
  const withOption = (option: number, marker: Uint8Array) =>
    podFrame(attacker, victim.ip, udp(40_000, victimPort, marker), {
      network: { options: Uint8Array.of(option, 7, 4, 10, 0, 0, 1) },
    });
  /** An error about a packet of the frontend to the victim, as if the attacker were a router between them. */
  const quotingOthers = (type: number, code: number, marker: Uint8Array) =>
    icmp(
      type,
      buildDatagram({
        network: { kind: 'ipv4', source: victim.ip, destination: friend.ip },
        transport: { kind: 'tcp', sourcePort: victimPort, destinationPort: 40_000, flags: ['ACK'], payload: marker },
      }),
      code,
    );
  const one = (
    name: string,
    reason: FrameCase['reason'],
    frames: (marker: Uint8Array) => readonly Uint8Array[],
  ): FrameCase => ({ name, tried: name, reason, frames, count: 5 });

  return [
    one('pings with forged ids', 'policy-ingress', (m) =>
      [0, 1, 7, 0xffff].map((id) => podFrame(attacker, victim.ip, ping(id, m))),
    ),
    one('echo replies that nobody asked for', 'icmp-unrelated', (m) => [icmp(0, m), icmp(14, m)]),
    one('odd ICMP types', 'icmp-unrelated', (m) => ODD_ICMP_TYPES.map((type) => icmp(type, m))),
    one('ICMP redirects', 'icmp-redirect', (m) => [0, 1, 2, 3].map((code) => quotingOthers(5, code, m))),
    one('ICMP errors about connections of others', 'icmp-unrelated', (m) => [
      quotingOthers(3, 1, m),
      quotingOthers(3, 4, m),
      quotingOthers(11, 0, m),
      quotingOthers(12, 0, m),
    ]),
    one('ICMP errors that quote nothing', 'malformed', (m) => [icmp(3, m.subarray(0, 12))]),
    one('later fragments without a first one', 'fragment-unknown', (m) => [
      fragment(17, 64, false, m),
      fragment(6, 64, true, m),
      fragment(1, 1480, false, m),
    ]),
    one('fragments that would overwrite a TCP header', 'malformed', (m) => [
      fragment(6, 8, true, m),
      fragment(6, 16, false, m),
    ]),
    one('first fragments to a port that is closed to it', 'policy-ingress', (m) => [
      buildPacket({
        ethernet: { source: attacker.mac, destination: GATEWAY.mac },
        network: { kind: 'ipv4', source: attacker.ip, destination: victim.ip, id: 4712, moreFragments: true },
        transport: udp(40_000, victimPort, concat(m, new Uint8Array(4))),
      }),
    ]),
    one('IP options', 'ip-options', (m) =>
      [LOOSE_SOURCE_ROUTE, RECORD_ROUTE, ROUTER_ALERT].map((o) => withOption(o, m)),
    ),
    one('SYN with FIN or RST', 'malformed', (m) => [
      tcp(['SYN', 'FIN'], m),
      tcp(['SYN', 'RST'], m),
      tcp(['SYN', 'FIN', 'RST', 'ACK'], m),
    ]),
    one('TCP without any of SYN, FIN, RST, ACK', 'malformed', (m) => [tcp([], m), tcp(['URG', 'PSH'], m)]),
    one('scans: FIN, XMAS, ACK, SYN-ACK', 'policy-ingress', (m) => [
      tcp(['FIN'], m),
      tcp(['FIN', 'URG', 'PSH'], m),
      tcp(['ACK'], m),
      tcp(['SYN', 'ACK'], m),
    ]),
    one('resets into somebody else’s connection', 'policy-ingress', (m) => [tcp(['RST'], m), tcp(['RST', 'ACK'], m)]),
    one('IP headers that lie', 'malformed', (m) => [
      podFrame(attacker, victim.ip, udp(40_000, victimPort, m), { network: { totalLength: 1_400 } }),
      podFrame(attacker, victim.ip, udp(40_000, victimPort, m), { network: { totalLength: 12 } }),
      podFrame(attacker, victim.ip, udp(40_000, victimPort, m), { network: { headerLength: 16 } }),
    ]),
    one('protocols that no policy can name', 'unknown-l4', (m) =>
      ODD_PROTOCOLS.map((protocol) =>
        podFrame(attacker, victim.ip, { kind: 'raw', protocol, bytes: concat(new Uint8Array(8), m) }),
      ),
    ),
    one('multicast and broadcast addresses', 'multicast', (m) =>
      ['224.0.0.1', '239.255.255.250', '255.255.255.255', '0.0.0.0', '240.0.0.1'].map((ip) => to(parseAddr(ip), m)),
    ),
    one('a DHCP request as a client sends it', 'wrong-gateway-mac', (m) => [
      podFrame({ ...attacker, ip: parseAddr('0.0.0.0') }, parseAddr('255.255.255.255'), udp(68, 67, m), {
        ethernet: { destination: BROADCAST_MAC },
      }),
    ]),
    one('the same to the gateway', 'spoofed-ip', (m) => [
      podFrame({ ...attacker, ip: parseAddr('0.0.0.0') }, parseAddr('255.255.255.255'), udp(68, 67, m)),
    ]),
    one('to itself', 'wrong-destination', (m) => [to(attacker.ip, m)]),
    one('ARP for its own address, asked and announced', 'arp-foreign', (m) =>
      [attacker.ip, victim.ip].map((target) =>
        concat(
          buildPacket({
            ethernet: { source: attacker.mac, destination: BROADCAST_MAC },
            network: {
              kind: 'arp',
              operation: 'request',
              senderMac: attacker.mac,
              senderIp: attacker.ip,
              targetMac: attacker.mac,
              targetIp: target,
            },
          }),
          m,
        ),
      ),
    ),
    one('a SYN to the node with the frontend’s address', 'spoofed-ip', (m) => [
      podFrame({ ...attacker, ip: friend.ip }, node, syn(40_000, 6443, m)),
    ]),
    one('a packet to the world with one hop left', 'ttl-exceeded', (m) => [
      podFrame(attacker, parseAddr('198.51.100.1'), udp(40_000, 53, m), { network: { ttl: 1 } }),
    ]),
  ];
}
