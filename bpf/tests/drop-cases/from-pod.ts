import {
  type ArpSpec,
  buildPacket,
  type Mac,
  macOfAddr,
  PROTOCOL_NUMBERS,
  parseAddr,
  parseMac,
} from '../../../src/net/index.ts';
import { fragmentsOf, fromPod, icmp, icmpError, ipv6Frame, ping, pong, sctp, tcp, udp } from '../frames.ts';
import {
  allow,
  deny,
  GATEWAY,
  GATEWAY_MAC,
  type LabPod,
  NODE,
  OPEN,
  OTHER_NODE,
  quota,
  REMOTE_POD,
  SNAT_PORTS,
  TUNNEL_PORT,
  WORLD,
} from '../lab.ts';
import { Services, VIP } from '../service-lab.ts';
import { A, A6, B, B6, type DropCase, patched } from './case.ts';
import { NOBODY_FROM_POD } from './nobody.ts';
import { TENANT_CASES } from './tenants.ts';

const SYN = tcp(40_000, 8080, 'SYN');
const FOREIGN_MAC = parseMac('0a:58:0a:f4:01:63');
const BROADCAST = parseMac('ff:ff:ff:ff:ff:ff');

function arp(pod: LabPod, spec: Partial<ArpSpec>, source: Mac = pod.mac): Uint8Array {
  return buildPacket({
    ethernet: { source, destination: BROADCAST },
    network: {
      kind: 'arp',
      operation: 'request',
      senderMac: pod.mac,
      senderIp: pod.addr,
      targetMac: parseMac('00:00:00:00:00:00'),
      targetIp: GATEWAY,
      ...spec,
    },
  });
}

function raw(pod: LabPod, etherType: number): Uint8Array {
  return buildPacket({
    ethernet: { source: pod.mac, destination: GATEWAY_MAC },
    network: { kind: 'raw', etherType, bytes: new Uint8Array(46) },
  });
}

const link: DropCase[] = [
  {
    name: 'source MAC of another',
    reason: 'spoofed-mac',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ethernet: { source: FOREIGN_MAC } })),
  },
  {
    name: 'source MAC that is a group’s',
    reason: 'spoofed-mac',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ethernet: { source: BROADCAST } })),
  },
  {
    name: 'destination MAC of a neighbour instead of the gateway',
    reason: 'wrong-gateway-mac',
    run: ({ lab, a, b }) => lab.send(a, fromPod(a, B, SYN, { ethernet: { destination: b.mac } })),
  },
  {
    name: 'broadcast at layer 2',
    reason: 'wrong-gateway-mac',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ethernet: { destination: BROADCAST } })),
  },
  {
    name: '802.1Q tag',
    reason: 'vlan',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ethernet: { vlan: 7 } })),
  },
  { name: '802.1ad tag', reason: 'vlan', run: ({ lab, a }) => lab.send(a, raw(a, 0x88a8)) },
  { name: 'LLDP', reason: 'unknown-l3', run: ({ lab, a }) => lab.send(a, raw(a, 0x88cc)) },
  { name: 'MPLS', reason: 'unknown-l3', run: ({ lab, a }) => lab.send(a, raw(a, 0x8847)) },
  { name: '802.3 length instead of a type', reason: 'unknown-l3', run: ({ lab, a }) => lab.send(a, raw(a, 46)) },
];

const address: DropCase[] = [
  {
    name: 'source IP of a neighbour',
    reason: 'spoofed-ip',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { source: B } })),
  },
  {
    name: 'source IP of the node',
    reason: 'spoofed-ip',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { source: NODE } })),
  },
  {
    name: 'source IP 0.0.0.0',
    reason: 'spoofed-ip',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { source: parseAddr('0.0.0.0') } })),
  },
  {
    name: 'foreign source IP in an ICMP packet',
    reason: 'spoofed-ip',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, ping(1), { ip: { source: WORLD } })),
  },
  {
    name: 'foreign source IP in a fragment',
    reason: 'spoofed-ip',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { source: WORLD, moreFragments: true } })),
  },
  {
    name: 'source 127.0.0.1',
    reason: 'loopback-address',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { source: parseAddr('127.0.0.1') } })),
  },
  {
    name: 'destination 127.0.0.1',
    reason: 'loopback-address',
    run: ({ lab, a }) => lab.send(a, fromPod(a, parseAddr('127.0.0.1'), SYN)),
  },
  {
    name: 'destination 127.255.255.254',
    reason: 'loopback-address',
    run: ({ lab, a }) => lab.send(a, fromPod(a, parseAddr('127.255.255.254'), udp(1, 2))),
  },
  ...['224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255', '0.0.0.0', '0.1.2.3'].map(
    (text): DropCase => ({
      name: `destination ${text}`,
      reason: 'multicast',
      run: ({ lab, a }) => lab.send(a, fromPod(a, parseAddr(text), udp(5353, 5353))),
    }),
  ),
  {
    name: 'destination is the pod itself',
    reason: 'wrong-destination',
    run: ({ lab, a }) => lab.send(a, fromPod(a, A, SYN)),
  },
];

const arps: DropCase[] = [
  {
    name: 'ARP request for a neighbour',
    reason: 'arp-foreign',
    run: ({ lab, a }) => lab.send(a, arp(a, { targetIp: B })),
  },
  {
    name: 'ARP request in a neighbour’s name',
    reason: 'arp-foreign',
    run: ({ lab, a }) => lab.send(a, arp(a, { senderIp: B })),
  },
  {
    name: 'ARP request in the gateway’s name',
    reason: 'arp-foreign',
    run: ({ lab, a }) => lab.send(a, arp(a, { senderIp: GATEWAY })),
  },
  {
    name: 'ARP that names another MAC than the frame',
    reason: 'arp-foreign',
    run: ({ lab, a }) => lab.send(a, arp(a, { senderMac: FOREIGN_MAC })),
  },
  {
    name: 'gratuitous ARP',
    reason: 'arp-foreign',
    run: ({ lab, a }) => lab.send(a, arp(a, { targetIp: A })),
  },
  {
    name: 'ARP reply nobody asked for',
    reason: 'arp-unexpected',
    run: ({ lab, a }) => lab.send(a, arp(a, { operation: 'reply', targetMac: macOfAddr(B), targetIp: B })),
  },
  {
    name: 'ARP reply in the gateway’s name',
    reason: 'arp-foreign',
    run: ({ lab, a }) => lab.send(a, arp(a, { operation: 'reply', senderIp: GATEWAY })),
  },
  {
    name: 'reverse ARP operation',
    reason: 'arp-unexpected',
    run: ({ lab, a }) => lab.send(a, patched(arp(a, {}), 20, 0, 3)),
  },
  { name: 'ARP cut short', reason: 'malformed', run: ({ lab, a }) => lab.send(a, arp(a, {}).subarray(0, 40)) },
  { name: 'ARP for IPv6', reason: 'malformed', run: ({ lab, a }) => lab.send(a, patched(arp(a, {}), 16, 0x86, 0xdd)) },
  {
    name: 'ARP with a foreign source MAC on the frame',
    reason: 'spoofed-mac',
    run: ({ lab, a }) => lab.send(a, arp(a, {}, FOREIGN_MAC)),
  },
  {
    name: 'ARP of a pod that is not ready',
    reason: 'not-ready',
    run: ({ lab, a }) => {
      lab.close(a);
      return lab.send(a, arp(a, {}));
    },
  },
];

const ipv4: DropCase[] = [
  {
    name: 'IP options (record route)',
    reason: 'ip-options',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) } })),
  },
  {
    name: 'source routing',
    reason: 'ip-options',
    run: ({ lab, a }) =>
      lab.send(a, fromPod(a, B, udp(1, 2), { ip: { options: Uint8Array.of(131, 7, 4, 1, 1, 1, 1) } })),
  },
  {
    name: 'IP version 5',
    reason: 'malformed',
    run: ({ lab, a }) => lab.send(a, patched(fromPod(a, B, SYN), 14, 0x55)),
  },
  {
    name: 'IP header length 16',
    reason: 'malformed',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { headerLength: 16 } })),
  },
  {
    name: 'total length beyond the frame',
    reason: 'malformed',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { totalLength: 900 } })),
  },
  {
    name: 'total length below the header',
    reason: 'malformed',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, SYN, { ip: { totalLength: 12 } })),
  },
  // Behind the end that the IP header names is padding, which no receiver reads.
  ...[
    { name: 'TCP', transport: SYN, totalLength: 36 },
    { name: 'UDP', transport: udp(1, 2), totalLength: 24 },
    { name: 'SCTP', transport: sctp(1, 2), totalLength: 32 },
    { name: 'ICMP', transport: ping(1), totalLength: 24 },
  ].flatMap(({ name, transport, totalLength }): DropCase[] => {
    const frame = (a: LabPod) => fromPod(a, B, transport, { ip: { totalLength } });
    return [
      {
        name: `${name} header cut`,
        reason: 'malformed',
        run: ({ lab, a }) => lab.send(a, frame(a).subarray(0, 14 + totalLength)),
      },
      { name: `${name} header in the padding`, reason: 'malformed', run: ({ lab, a }) => lab.send(a, frame(a)) },
    ];
  }),
  {
    name: 'TCP header in the padding, of a connection that is established',
    reason: 'malformed',
    run: ({ lab, a, b }) => {
      for (const frame of [SYN, tcp(40_000, 8080, 'ACK')]) lab.send(a, fromPod(a, B, frame));
      lab.send(b, fromPod(b, A, tcp(8080, 40_000, 'SYN', 'ACK')));
      return lab.send(a, fromPod(a, B, tcp(40_000, 8080, 'ACK'), { ip: { totalLength: 36 } }));
    },
  },
  {
    name: 'TCP data offset 4',
    reason: 'malformed',
    run: ({ lab, a }) => lab.send(a, patched(fromPod(a, B, SYN), 46, 0x40)),
  },
  ...(['FIN', 'RST'] as const).map(
    (flag): DropCase => ({
      name: `SYN with ${flag}`,
      reason: 'malformed',
      run: ({ lab, a }) => lab.send(a, fromPod(a, B, tcp(1, 2, 'SYN', flag))),
    }),
  ),
  { name: 'TCP null scan', reason: 'malformed', run: ({ lab, a }) => lab.send(a, fromPod(a, B, tcp(1, 2))) },
  {
    name: 'only PSH and URG',
    reason: 'malformed',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, tcp(1, 2, 'PSH', 'URG'))),
  },
  ...[0, 2, 4, 41, 47, 50, 58, 89, 103, 112, 255].map(
    (protocol): DropCase => ({
      name: `IP protocol ${protocol}`,
      reason: 'unknown-l4',
      run: ({ lab, a }) => lab.send(a, fromPod(a, B, { kind: 'raw', protocol, bytes: new Uint8Array(40) })),
    }),
  ),
];

const ipv6: DropCase[] = [
  {
    name: 'IPv6 while it is off',
    reason: 'ipv6-disabled',
    run: ({ lab, a }) => lab.send(a, ipv6Frame(a, A6, B6, SYN)),
  },
  {
    name: 'IPv6 router advertisement while IPv6 is off',
    reason: 'ipv6-disabled',
    run: ({ lab, a }) => lab.send(a, ipv6Frame(a, A6, parseAddr('ff02::1'), icmp(134))),
  },
  ...(
    [
      ['router advertisement', 'router-advertisement', A6, parseAddr('ff02::1'), icmp(134)],
      ['redirect', 'icmp-redirect', A6, B6, icmp(137)],
      ['neighbour solicitation', 'icmp-unrelated', A6, B6, icmp(135)],
      ['foreign source', 'spoofed-ip', B6, A6, SYN],
      ['multicast', 'multicast', A6, parseAddr('ff02::fb'), udp(5353, 5353)],
      ['IPv4 ICMP inside', 'unknown-l4', A6, B6, { kind: 'raw', protocol: 1, bytes: new Uint8Array(16) }],
      ['GRE', 'unknown-l4', A6, B6, { kind: 'raw', protocol: 47, bytes: new Uint8Array(16) }],
      ['v4-mapped destination', 'malformed', A6, B6, SYN],
    ] as const
  ).map(
    ([name, reason, source, destination, transport]): DropCase => ({
      name: `IPv6 on: ${name}`,
      reason,
      config: { enableIpv6: true },
      run: ({ lab, a }) => {
        // A v4-mapped address has no text of its own here: its bytes are put in afterwards.
        if (name !== 'v4-mapped destination') return lab.send(a, ipv6Frame(a, source, destination, transport));
        const frame = ipv6Frame(a, source, destination, transport);
        return lab.send(a, patched(frame, 38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 244, 1, 10));
      },
    }),
  ),
  ...(
    [
      [44, 'fragments-disabled'],
      [43, 'ip-options'],
    ] as const
  ).map(
    ([type, reason]): DropCase => ({
      name: `IPv6 on: extension header ${type}`,
      reason,
      config: { enableIpv6: true },
      run: ({ lab, a }) =>
        lab.send(
          a,
          buildPacket({
            ethernet: { source: a.mac, destination: GATEWAY_MAC },
            network: { kind: 'ipv6', source: A6, destination: B6, extensions: [{ type, body: new Uint8Array(6) }] },
            transport: SYN,
          }),
        ),
    }),
  ),
];

const fragments: DropCase[] = [
  {
    name: 'later fragment before its first',
    reason: 'fragment-unknown',
    run: ({ lab, a }) => {
      const [, rest] = fragmentsOf(A, B, udp(40_000, 8080, new Uint8Array(64)), 24);
      return lab.send(a, fromPod(a, B, rest, { ip: { id: 5, fragmentOffset: 24 } }));
    },
  },
  {
    name: 'fragment while fragments are off',
    reason: 'fragments-disabled',
    config: { enableFragments: false },
    run: ({ lab, a }) => {
      const [first] = fragmentsOf(A, B, udp(40_000, 8080, new Uint8Array(64)), 24);
      return lab.send(a, fromPod(a, B, first, { ip: { id: 5, moreFragments: true } }));
    },
  },
  ...[8, 16].map(
    (fragmentOffset): DropCase => ({
      name: `TCP fragment at byte ${fragmentOffset}, inside the header`,
      reason: 'malformed',
      run: ({ lab, a }) => {
        const [first, rest] = fragmentsOf(A, B, tcp(40_000, 8080, 'SYN', 'PSH'), 24);
        lab.send(a, fromPod(a, B, first, { ip: { id: 5, moreFragments: true } }));
        return lab.send(a, fromPod(a, B, rest, { ip: { id: 5, fragmentOffset } }));
      },
    }),
  ),
  {
    name: 'SCTP fragment at byte 8, inside the first chunk',
    reason: 'malformed',
    run: ({ lab, a }) => {
      const [first, rest] = fragmentsOf(A, B, sctp(40_000, 8080), 24);
      lab.send(a, fromPod(a, B, first, { ip: { id: 5, moreFragments: true } }));
      return lab.send(a, fromPod(a, B, rest, { ip: { id: 5, fragmentOffset: 8 } }));
    },
  },
  {
    name: 'first fragment too small for the TCP header',
    reason: 'malformed',
    run: ({ lab, a }) => {
      const [first] = fragmentsOf(A, B, SYN, 8);
      return lab.send(a, fromPod(a, B, first, { ip: { id: 5, moreFragments: true } }));
    },
  },
];

const policy: DropCase[] = [
  {
    name: 'egress policy',
    reason: 'policy-egress',
    run: async ({ lab, a }) => {
      await lab.open(a, [OPEN.ingress, deny('egress', 301)]);
      return lab.send(a, fromPod(a, B, SYN));
    },
  },
  {
    name: 'no egress row at all',
    reason: 'policy-egress',
    run: async ({ lab, a }) => {
      await lab.open(a, [OPEN.ingress]);
      return lab.send(a, fromPod(a, B, SYN));
    },
  },
  {
    name: 'ingress policy of the peer',
    reason: 'policy-ingress',
    run: async ({ lab, a, b }) => {
      await lab.open(b, [OPEN.egress, allow('ingress', 300, 6, 81)]);
      return lab.send(a, fromPod(a, B, SYN));
    },
  },
  {
    name: 'not ready',
    reason: 'not-ready',
    run: ({ lab, a }) => {
      lab.close(a);
      return lab.send(a, fromPod(a, B, SYN));
    },
  },
  {
    name: 'a new connection from an address that is nobody’s any more',
    reason: 'not-ready',
    run: ({ lab, a }) => {
      lab.datapath.disown(a.addr);
      return lab.send(a, fromPod(a, B, SYN));
    },
  },
  {
    name: 'a new connection from an address that another pod has',
    reason: 'not-ready',
    run: ({ lab, a, b }) => {
      lab.own({ ...b, addr: a.addr });
      return lab.send(a, fromPod(a, B, SYN));
    },
  },
  {
    name: 'peer not ready',
    reason: 'peer-not-ready',
    run: ({ lab, a, b }) => {
      lab.close(b);
      return lab.send(a, fromPod(a, B, SYN));
    },
  },
  {
    name: 'the other end forbade its reply',
    reason: 'revoked',
    counted: 'b',
    run: async ({ lab, a, b }) => {
      lab.send(a, fromPod(a, B, SYN));
      await lab.open(a, [OPEN.ingress]);
      return lab.send(b, fromPod(b, A, tcp(8080, 40_000, 'SYN', 'ACK')));
    },
  },
  {
    name: 'mid-stream that only one side may open',
    reason: 'ct-midstream',
    run: async ({ lab, a, b }) => {
      await lab.open(b, [OPEN.ingress]);
      return lab.send(a, fromPod(a, B, tcp(40_000, 8080, 'ACK')));
    },
  },
  {
    name: 'quota of connections',
    reason: 'ct-quota',
    config: quota(2),
    run: ({ lab, a }) => {
      for (const port of [1, 2]) lab.send(a, fromPod(a, B, udp(port, 53)));
      return lab.send(a, fromPod(a, B, udp(3, 53)));
    },
  },
];

const errors: DropCase[] = [
  { name: 'ICMP redirect', reason: 'icmp-redirect', run: ({ lab, a }) => lab.send(a, fromPod(a, B, icmp(5))) },
  {
    name: 'ICMP router advertisement',
    reason: 'icmp-unrelated',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, icmp(9))),
  },
  {
    name: 'echo reply without a request',
    reason: 'icmp-unrelated',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, pong(9))),
  },
  {
    name: 'ICMP error about nothing',
    reason: 'icmp-unrelated',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, icmpError(B, A, udp(1, 2)))),
  },
  {
    name: 'ICMP error that quotes too little',
    reason: 'malformed',
    run: ({ lab, a }) => lab.send(a, fromPod(a, B, icmpError(B, A, udp(1, 2), { cut: 20 }))),
  },
  {
    name: 'ICMP error while errors are off',
    reason: 'icmp-unrelated',
    config: { enableIcmpErrors: false },
    run: ({ lab, a, b }) => {
      lab.send(b, fromPod(b, A, udp(1, 2)));
      return lab.send(a, fromPod(a, B, icmpError(B, A, udp(1, 2))));
    },
  },
];

const world: DropCase[] = [
  ...[NODE, OTHER_NODE].map(
    (node): DropCase => ({
      name: `UDP to the overlay’s port of ${node}`,
      reason: 'forged-tunnel',
      run: ({ lab, a }) => lab.send(a, fromPod(a, node, udp(40_000, TUNNEL_PORT))),
    }),
  ),
  {
    name: 'UDP to the overlay’s port of the API server’s node',
    reason: 'forged-tunnel',
    run: ({ lab, a }) => {
      lab.identify('172.18.0.9/32', 7);
      return lab.send(a, fromPod(a, parseAddr('172.18.0.9'), udp(40_000, TUNNEL_PORT)));
    },
  },
  {
    name: 'later fragment to the overlay’s port',
    reason: 'forged-tunnel',
    run: ({ lab, a }) => {
      const [first, rest] = fragmentsOf(A, NODE, udp(1, TUNNEL_PORT, new Uint8Array(64)), 24);
      lab.send(a, fromPod(a, NODE, first, { ip: { id: 5, moreFragments: true } }));
      return lab.send(a, fromPod(a, NODE, rest, { ip: { id: 5, fragmentOffset: 24 } }));
    },
  },
  {
    name: 'pod of another node, which has no route yet',
    reason: 'no-route',
    run: ({ lab, a }) => lab.send(a, fromPod(a, REMOTE_POD, SYN)),
  },
  {
    name: 'second packet to a pod of another node',
    reason: 'no-route',
    run: ({ lab, a }) => {
      lab.send(a, fromPod(a, REMOTE_POD, udp(1, 2)));
      return lab.send(a, fromPod(a, REMOTE_POD, udp(1, 2)));
    },
  },
  {
    name: 'connection to an address that has become a pod’s of another node',
    reason: 'no-route',
    config: { enableMasquerade: false },
    run: ({ lab, a }) => {
      lab.send(a, fromPod(a, WORLD, udp(1, 2)));
      lab.identify(`${WORLD}/32`, 900);
      lab.turnWorld();
      lab.send(a, fromPod(a, WORLD, udp(1, 2)));
      return lab.send(a, fromPod(a, WORLD, udp(1, 2)));
    },
  },
  {
    name: 'no address of the node left',
    reason: 'nat-exhausted',
    run: ({ lab, a }) => {
      const ports = SNAT_PORTS.max - SNAT_PORTS.min + 1;
      for (let port = 1; port <= ports; port += 1) lab.send(a, fromPod(a, WORLD, udp(port, 53)));
      return lab.send(a, fromPod(a, WORLD, udp(99, 53)));
    },
  },
  {
    name: 'time to live 1 towards the world of an error, which is not answered',
    reason: 'ttl-exceeded',
    run: ({ lab, a }) => {
      lab.send(a, fromPod(a, WORLD, udp(5000, 53)));
      return lab.send(a, fromPod(a, WORLD, icmpError(WORLD, A, udp(53, 5000)), { ip: { ttl: 1 } }));
    },
  },
];

const services: DropCase[] = [
  {
    name: 'to a service without backends',
    reason: 'no-backend',
    run: ({ lab, a }) => {
      new Services(lab).set({ addr: VIP, port: 80, backends: [] });
      return lab.send(a, fromPod(a, VIP, tcp(40_000, 80, 'SYN')));
    },
  },
  {
    name: 'to a service by SCTP in fragments',
    reason: 'service-conflict',
    run: ({ lab, a }) => {
      new Services(lab).set({ addr: VIP, port: 80, protocol: PROTOCOL_NUMBERS.SCTP, backends: [B] });
      const init = { kind: 'sctp', sourcePort: 40_000, destinationPort: 80, chunkLength: 64 } as const;
      const [first] = fragmentsOf(A, VIP, init, 24);
      return lab.send(a, fromPod(a, VIP, first, { ip: { id: 5, moreFragments: true } }));
    },
  },
];

export const FROM_POD_CASES: readonly DropCase[] = [
  ...NOBODY_FROM_POD,

  ...link,
  ...address,
  ...arps,
  ...ipv4,
  ...ipv6,
  ...fragments,
  ...policy,
  ...errors,
  ...world,
  ...services,
  ...TENANT_CASES,
];
