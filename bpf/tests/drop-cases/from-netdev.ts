import { parseAddr, parseMac } from '../../../src/net/index.ts';
import { fragmentsOf, fromPod, fromWorld, icmp, icmpError, numbered, ping, pong, tcp, udp } from '../frames.ts';
import {
  deny,
  GATEWAY,
  type Lab,
  type LabPod,
  NODE,
  OPEN,
  OTHER_NODE,
  type Outcome,
  quota,
  REMOTE_POD,
  WORLD,
} from '../lab.ts';
import { A, B, type DropCase } from './case.ts';
import { NOBODY_FROM_NETDEV } from './nobody.ts';

const SYN = tcp(40_000, 8080, 'SYN');

/** Lets `pod` send a datagram to the world; the port it went out with. */
export async function masqueraded(lab: Lab, pod: LabPod, sourcePort = 5000): Promise<number> {
  lab.send(pod, fromPod(pod, WORLD, udp(sourcePort, 53)));
  return (await lab.entry())[1].natPort;
}

const shape: DropCase[] = [
  {
    name: 'from 127.0.0.1',
    reason: 'loopback-address',
    run: ({ lab }) => lab.arrive(fromWorld(parseAddr('127.0.0.1'), B, SYN)),
  },
  {
    name: 'to 127.0.0.1',
    reason: 'loopback-address',
    run: ({ lab }) => lab.arrive(fromWorld(WORLD, parseAddr('127.0.0.1'), SYN)),
  },
  {
    name: 'IP options to a pod',
    reason: 'ip-options',
    run: ({ lab }) => lab.arrive(fromWorld(WORLD, B, SYN, { ip: { options: Uint8Array.of(7, 3, 4, 0) } })),
  },
  {
    name: 'total length beyond the frame',
    reason: 'malformed',
    run: ({ lab }) => lab.arrive(fromWorld(WORLD, B, SYN, { ip: { totalLength: 900 } })),
  },
  {
    name: 'unknown protocol to a pod',
    reason: 'unknown-l4',
    run: ({ lab }) => lab.arrive(fromWorld(WORLD, B, { kind: 'raw', protocol: 47, bytes: new Uint8Array(40) })),
  },
  {
    name: 'later fragment before its first',
    reason: 'fragment-unknown',
    run: ({ lab }) => {
      const [, rest] = fragmentsOf(WORLD, B, udp(1, 2, new Uint8Array(64)), 24);
      return lab.arrive(fromWorld(WORLD, B, rest, { ip: { id: 5, fragmentOffset: 24 } }));
    },
  },
  {
    name: 'fragment while fragments are off',
    reason: 'fragments-disabled',
    config: { enableFragments: false },
    run: ({ lab }) => {
      const [first] = fragmentsOf(WORLD, B, udp(1, 2, new Uint8Array(64)), 24);
      return lab.arrive(fromWorld(WORLD, B, first, { ip: { id: 5, moreFragments: true } }));
    },
  },
];

const sender: DropCase[] = [
  ...[A, B, NODE].map(
    (source): DropCase => ({
      name: `to a pod from ${source}, which is of this node`,
      reason: 'spoofed-ip',
      run: ({ lab }) => lab.arrive(fromWorld(source, B, SYN)),
    }),
  ),
  {
    name: 'to the node from a local pod’s address',
    reason: 'spoofed-ip',
    run: ({ lab }) => lab.arrive(fromWorld(A, NODE, SYN)),
  },
  {
    name: 'from a remote pod’s address without the overlay',
    reason: 'unencapsulated',
    run: ({ lab }) => lab.arrive(fromWorld(REMOTE_POD, B, SYN)),
  },
];

const NOBODY = ['0.0.0.0', '0.1.2.3', '224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255', GATEWAY];
const MANY = ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:fb'];

const martians: DropCase[] = [
  ...NOBODY.flatMap((source) =>
    [B, NODE].map(
      (to): DropCase => ({
        name: `to ${to} from ${source}`,
        reason: 'martian',
        run: ({ lab }) => lab.arrive(fromWorld(parseAddr(source), to, SYN)),
      }),
    ),
  ),
  ...MANY.flatMap((mac) => [
    ...[B, NODE].map(
      (to): DropCase => ({
        name: `to ${to} in a frame to ${mac}`,
        reason: 'martian',
        run: ({ lab }) => lab.arrive(fromWorld(WORLD, to, SYN, { ethernet: { destination: parseMac(mac) } })),
      }),
    ),
    ...[B, NODE, '224.0.0.251', '255.255.255.255', '172.18.255.255'].map(
      (to): DropCase => ({
        name: `to ${to} in a frame to ${mac} from a local pod's address`,
        reason: 'spoofed-ip',
        run: ({ lab }) =>
          lab.arrive(fromWorld(A, parseAddr(to), udp(1, 5353), { ethernet: { destination: parseMac(mac) } })),
      }),
    ),
  ]),
  ...[NODE, '203.0.113.5', '224.0.0.251'].map(
    (to): DropCase => ({
      name: `to ${to} with IP options from a local pod's address`,
      reason: 'spoofed-ip',
      run: ({ lab }) => lab.arrive(fromWorld(A, parseAddr(to), SYN, { ip: { options: Uint8Array.of(7, 3, 4, 0) } })),
    }),
  ),
];

const policy: DropCase[] = [
  {
    name: 'ingress policy against the world',
    reason: 'policy-ingress',
    run: async ({ lab, b }) => {
      await lab.open(b, [OPEN.egress]);
      return lab.arrive(fromWorld(WORLD, B, SYN));
    },
  },
  {
    name: 'ingress policy against another node',
    reason: 'policy-ingress',
    run: async ({ lab, b }) => {
      await lab.open(b, [OPEN.egress, OPEN.ingress, deny('ingress', 6)]);
      return lab.arrive(fromWorld(OTHER_NODE, B, SYN));
    },
  },
  {
    name: 'the pod is not ready',
    reason: 'peer-not-ready',
    run: ({ lab, b }) => {
      lab.close(b);
      return lab.arrive(fromWorld(WORLD, B, SYN));
    },
  },
  {
    name: 'the node is not ready',
    reason: 'not-ready',
    run: ({ lab }) => {
      lab.closeOutside();
      return lab.arrive(fromWorld(WORLD, B, SYN));
    },
  },
  {
    name: 'mid-stream that only the world may open',
    reason: 'ct-midstream',
    run: async ({ lab, b }) => {
      await lab.open(b, [OPEN.ingress]);
      return lab.arrive(fromWorld(WORLD, B, tcp(1, 2, 'ACK')));
    },
  },
  {
    name: 'quota of the outside',
    reason: 'ct-quota',
    config: quota(1),
    run: ({ lab }) => {
      lab.arrive(fromWorld(WORLD, B, udp(1, 53)));
      return lab.arrive(fromWorld(WORLD, B, udp(5, 53)));
    },
  },
];

const masquerade: DropCase[] = [
  {
    name: 'answer to a masqueraded connection that policy has ended',
    reason: 'revoked',
    run: async ({ lab, a }) => {
      const port = await masqueraded(lab, a);
      await lab.open(a, [OPEN.ingress]);
      return lab.arrive(fromWorld(WORLD, NODE, udp(53, port)));
    },
  },
  {
    name: 'answer to another SYN than the pod has sent',
    reason: 'tcp-window',
    run: async ({ lab, a }) => {
      lab.send(a, fromPod(a, WORLD, numbered(tcp(5000, 80, 'SYN'), 1_000_000)));
      const [, { natPort }] = await lab.entry();
      return lab.arrive(fromWorld(WORLD, NODE, tcp(80, natPort, 'ACK')));
    },
  },
  {
    name: 'answer to a pod that is gone',
    reason: 'wrong-destination',
    run: async ({ lab, a }) => {
      const port = await masqueraded(lab, a);
      lab.remove(a);
      return lab.arrive(fromWorld(WORLD, NODE, udp(53, port)));
    },
  },
  {
    name: 'answer for the former owner of an address',
    reason: 'wrong-destination',
    run: async ({ lab, a }): Promise<Outcome> => {
      const port = await masqueraded(lab, a);
      lab.remove(a);
      await lab.open(lab.pod({ id: 3, addr: A, identity: 302 }));
      return lab.arrive(fromWorld(WORLD, NODE, udp(53, port)));
    },
  },
  {
    name: 'answer to a connection that was forgotten',
    reason: 'icmp-unrelated',
    run: async ({ lab, a }) => {
      const port = await masqueraded(lab, a);
      await lab.forgetConnections();
      return lab.arrive(fromWorld(WORLD, NODE, udp(53, port)));
    },
  },
];

const errors: DropCase[] = [
  {
    name: 'ICMP redirect to a pod',
    reason: 'icmp-redirect',
    run: ({ lab }) => lab.arrive(fromWorld(WORLD, B, icmp(5))),
  },
  {
    name: 'echo reply without a request',
    reason: 'icmp-unrelated',
    run: ({ lab }) => lab.arrive(fromWorld(WORLD, B, pong(7))),
  },
  {
    name: 'echo reply to another id',
    reason: 'icmp-unrelated',
    config: { enableMasquerade: false },
    run: ({ lab, b }) => {
      lab.send(b, fromPod(b, WORLD, ping(7)));
      return lab.arrive(fromWorld(WORLD, B, pong(8)));
    },
  },
  {
    name: 'ICMP error about nothing',
    reason: 'icmp-unrelated',
    run: ({ lab }) => lab.arrive(fromWorld(WORLD, B, icmpError(B, WORLD, udp(1, 2)))),
  },
  {
    name: 'ICMP error about a connection between two local pods',
    reason: 'icmp-unrelated',
    run: ({ lab, b }) => {
      lab.send(b, fromPod(b, A, udp(1, 2)));
      return lab.arrive(fromWorld(WORLD, B, icmpError(B, A, udp(1, 2))));
    },
  },
  {
    name: 'ICMP error to another pod than the one it is about',
    reason: 'icmp-unrelated',
    config: { enableMasquerade: false },
    run: ({ lab, a }) => {
      lab.send(a, fromPod(a, WORLD, udp(1, 2)));
      return lab.arrive(fromWorld(WORLD, B, icmpError(A, WORLD, udp(1, 2))));
    },
  },
];

export const FROM_NETDEV_CASES: readonly DropCase[] = [
  ...NOBODY_FROM_NETDEV,
  ...shape,
  ...sender,
  ...martians,
  ...policy,
  ...masquerade,
  ...errors,
];
