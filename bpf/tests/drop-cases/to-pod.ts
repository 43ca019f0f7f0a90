import { buildPacket, parseAddr } from '../../../src/net/index.ts';
import { fragmentsOf, fromPod, icmp, icmpError, ping, pong, sctp, tcp, toPod, udp } from '../frames.ts';
import { deny, GATEWAY, GATEWAY_MAC, type LabPod, NODE, OPEN, OTHER_NODE, quota, REMOTE_POD, WORLD } from '../lab.ts';
import { A, A6, B, B6, type DropCase, patched } from './case.ts';
import { NOBODY_TO_POD } from './nobody.ts';

const SYN = tcp(40_000, 8080, 'SYN');
const FORWARDED = true;

function raw(pod: LabPod, etherType: number): Uint8Array {
  return buildPacket({
    ethernet: { source: GATEWAY_MAC, destination: pod.mac },
    network: { kind: 'raw', etherType, bytes: new Uint8Array(46) },
  });
}

const shape: DropCase[] = [
  {
    name: 'ARP request from the node',
    reason: 'arp-unexpected',
    run: ({ lab, b }) =>
      lab.receive(
        b,
        buildPacket({
          ethernet: { source: GATEWAY_MAC, destination: b.mac },
          network: {
            kind: 'arp',
            operation: 'request',
            senderMac: GATEWAY_MAC,
            senderIp: GATEWAY,
            targetMac: b.mac,
            targetIp: B,
          },
        }),
      ),
  },
  { name: 'LLDP', reason: 'unknown-l3', run: ({ lab, b }) => lab.receive(b, raw(b, 0x88cc)) },
  {
    name: 'IPv6 while it is off',
    reason: 'ipv6-disabled',
    run: ({ lab, b }) =>
      lab.receive(
        b,
        buildPacket({
          ethernet: { source: GATEWAY_MAC, destination: b.mac },
          network: { kind: 'ipv6', source: A6, destination: B6 },
          transport: SYN,
        }),
      ),
  },
  {
    name: 'IPv6 on: router advertisement',
    reason: 'router-advertisement',
    config: { enableIpv6: true },
    run: ({ lab, b }) =>
      lab.receive(
        b,
        buildPacket({
          ethernet: { source: GATEWAY_MAC, destination: b.mac },
          network: { kind: 'ipv6', source: A6, destination: B6 },
          transport: icmp(134),
        }),
      ),
  },
  {
    name: 'IPv6 on: to another address',
    reason: 'wrong-destination',
    config: { enableIpv6: true },
    run: ({ lab, b }) =>
      lab.receive(
        b,
        buildPacket({
          ethernet: { source: GATEWAY_MAC, destination: b.mac },
          network: { kind: 'ipv6', source: B6, destination: A6 },
          transport: SYN,
        }),
      ),
  },
  {
    name: 'to another address than the pod’s',
    reason: 'wrong-destination',
    run: ({ lab, b }) => lab.receive(b, toPod(b, NODE, SYN, { ip: { destination: A } })),
  },
  {
    name: 'from 127.0.0.1',
    reason: 'loopback-address',
    run: ({ lab, b }) => lab.receive(b, toPod(b, parseAddr('127.0.0.1'), SYN)),
  },
  {
    name: 'to 127.0.0.1',
    reason: 'loopback-address',
    run: ({ lab, b }) => lab.receive(b, toPod(b, NODE, SYN, { ip: { destination: parseAddr('127.0.0.1') } })),
  },
  {
    name: 'IP options',
    reason: 'ip-options',
    run: ({ lab, b }) => lab.receive(b, toPod(b, NODE, SYN, { ip: { options: Uint8Array.of(7, 3, 4, 0) } })),
  },
  {
    name: 'null scan',
    reason: 'malformed',
    run: ({ lab, b }) => lab.receive(b, toPod(b, WORLD, tcp(1, 2)), FORWARDED),
  },
  {
    name: 'unknown protocol',
    reason: 'unknown-l4',
    run: ({ lab, b }) => lab.receive(b, toPod(b, NODE, { kind: 'raw', protocol: 47, bytes: new Uint8Array(40) })),
  },
  {
    name: 'later fragment before its first',
    reason: 'fragment-unknown',
    run: ({ lab, b }) => {
      const [, rest] = fragmentsOf(NODE, B, udp(1, 2, new Uint8Array(64)), 24);
      return lab.receive(b, toPod(b, NODE, rest, { ip: { id: 5, fragmentOffset: 24 } }));
    },
  },
  {
    name: 'fragment while fragments are off',
    reason: 'fragments-disabled',
    config: { enableFragments: false },
    run: ({ lab, b }) => {
      const [first] = fragmentsOf(NODE, B, udp(1, 2, new Uint8Array(64)), 24);
      return lab.receive(b, toPod(b, NODE, first, { ip: { id: 5, moreFragments: true } }));
    },
  },
];

const sender: DropCase[] = [
  {
    name: 'from a local pod’s address, forwarded',
    reason: 'spoofed-ip',
    run: ({ lab, b }) => lab.receive(b, toPod(b, A, SYN), FORWARDED),
  },
  {
    name: 'from a local pod’s address, by the node itself',
    reason: 'spoofed-ip',
    run: ({ lab, b }) => lab.receive(b, toPod(b, A, SYN)),
  },
  {
    name: 'from the node’s address, but it came in by a device',
    reason: 'spoofed-ip',
    run: ({ lab, b }) => lab.receive(b, toPod(b, NODE, SYN), FORWARDED),
  },
  {
    name: 'from a remote pod’s address without the overlay',
    reason: 'unencapsulated',
    run: ({ lab, b }) => lab.receive(b, toPod(b, REMOTE_POD, SYN), FORWARDED),
  },
];

const martians: DropCase[] = ['0.0.0.0', '224.0.0.1', '255.255.255.255', GATEWAY].map((source) => ({
  name: `forwarded from ${source}`,
  reason: 'martian',
  run: ({ lab, b }) => lab.receive(b, toPod(b, parseAddr(source), SYN), true),
}));

const policy: DropCase[] = [
  {
    name: 'ingress policy against the node',
    reason: 'policy-ingress',
    run: async ({ lab, b }) => {
      await lab.open(b, [OPEN.egress, OPEN.ingress, deny('ingress', 1)]);
      return lab.receive(b, toPod(b, NODE, SYN));
    },
  },
  {
    name: 'ingress policy against another node',
    reason: 'policy-ingress',
    run: async ({ lab, b }) => {
      await lab.open(b, [OPEN.egress, OPEN.ingress, deny('ingress', 6)]);
      return lab.receive(b, toPod(b, OTHER_NODE, SYN), FORWARDED);
    },
  },
  {
    name: 'the pod is not ready',
    reason: 'peer-not-ready',
    run: ({ lab, b }) => {
      lab.close(b);
      return lab.receive(b, toPod(b, NODE, SYN));
    },
  },
  {
    name: 'the node is not ready',
    reason: 'not-ready',
    run: ({ lab, b }) => {
      lab.closeOutside();
      return lab.receive(b, toPod(b, NODE, SYN));
    },
  },
  {
    name: 'answer of the node to a connection that policy has ended',
    reason: 'revoked',
    run: async ({ lab, b }) => {
      lab.send(b, fromPod(b, NODE, SYN));
      await lab.open(b, [OPEN.ingress]);
      return lab.receive(b, toPod(b, NODE, tcp(8080, 40_000, 'SYN', 'ACK')));
    },
  },
  {
    name: 'mid-stream that only the node may open',
    reason: 'ct-midstream',
    run: async ({ lab, b }) => {
      await lab.open(b, [OPEN.ingress]);
      return lab.receive(b, toPod(b, NODE, tcp(1, 2, 'ACK')));
    },
  },
  {
    name: 'SCTP data that only the node may open',
    reason: 'ct-midstream',
    run: async ({ lab, b }) => {
      await lab.open(b, [OPEN.ingress]);
      return lab.receive(b, toPod(b, NODE, sctp(1, 2, 0)));
    },
  },
  {
    name: 'quota of the outside',
    reason: 'ct-quota',
    config: quota(1),
    run: ({ lab, b }) => {
      lab.receive(b, toPod(b, NODE, udp(1, 53)));
      return lab.receive(b, toPod(b, NODE, udp(5, 53)));
    },
  },
];

const errors: DropCase[] = [
  { name: 'ICMP redirect', reason: 'icmp-redirect', run: ({ lab, b }) => lab.receive(b, toPod(b, NODE, icmp(5))) },
  {
    name: 'echo reply without a request',
    reason: 'icmp-unrelated',
    run: ({ lab, b }) => lab.receive(b, toPod(b, WORLD, pong(7)), FORWARDED),
  },
  {
    name: 'echo reply to another id',
    reason: 'icmp-unrelated',
    run: ({ lab, b }) => {
      lab.send(b, fromPod(b, NODE, ping(7)));
      return lab.receive(b, toPod(b, NODE, pong(8)));
    },
  },
  {
    name: 'ICMP error about nothing',
    reason: 'icmp-unrelated',
    run: ({ lab, b }) => lab.receive(b, toPod(b, NODE, icmpError(B, WORLD, udp(1, 2)))),
  },
  {
    name: 'ICMP error from outside about a connection between two local pods',
    reason: 'icmp-unrelated',
    run: ({ lab, b }) => {
      lab.send(b, fromPod(b, A, udp(1, 2)));
      return lab.receive(b, toPod(b, WORLD, icmpError(B, A, udp(1, 2))), FORWARDED);
    },
  },
  {
    name: 'ICMP error that quotes somebody else’s packet',
    reason: 'icmp-unrelated',
    run: ({ lab, a, b }) => {
      lab.send(a, fromPod(a, NODE, udp(1, 2)));
      return lab.receive(b, toPod(b, NODE, icmpError(A, NODE, udp(1, 2))));
    },
  },
  {
    name: 'ICMP error with a quoted header of rubbish',
    reason: 'icmp-unrelated',
    run: ({ lab, b }) => {
      lab.send(b, fromPod(b, NODE, udp(1, 2)));
      return lab.receive(b, patched(toPod(b, NODE, icmpError(B, NODE, udp(1, 2))), 42, 0x65));
    },
  },
];

export const TO_POD_CASES: readonly DropCase[] = [
  ...NOBODY_TO_POD,
  ...shape,
  ...sender,
  ...martians,
  ...policy,
  ...errors,
];
