import type { DropReason } from '../../../src/model/gen/enums.ts';
import { parseAddr } from '../../../src/net/index.ts';
import { fragmentsOf, fromWorld, icmpError, tcp, udp } from '../frames.ts';
import type { Outcome } from '../lab.ts';
import { NODE, OTHER_NODE, REMOTE_POD, WORLD } from '../lab.ts';
import { NEW_POD, type OverlayLab, REMOTE } from '../overlay-lab.ts';
import { A, B } from './case.ts';

export type OverlayDropCase = {
  readonly name: string;
  readonly reason: DropReason;
  /** Whose counter must show the drop; default: that of the pod that it is for. */
  readonly counted?: 'node';
  readonly run: (lab: OverlayLab) => Outcome;
};

const SYN = tcp(40_000, 8080, 'SYN');
const THIRD_NODE = parseAddr('172.18.0.4');
const CIDR = 0x100_0001;

/** What somebody tries who can send VXLAN to a node. */
export const FROM_OVERLAY_CASES: readonly OverlayDropCase[] = [
  {
    name: 'a trusted identity from a host that is no node',
    reason: 'unknown-node',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { node: WORLD }),
  },
  {
    name: 'the same from a pod’s address',
    reason: 'unknown-node',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { node: A }),
  },
  {
    name: 'the same from this node’s own address',
    reason: 'unknown-node',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { node: NODE }),
  },
  {
    name: 'the same from an address of another node’s pods',
    reason: 'unknown-node',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { node: REMOTE_POD }),
  },
  ...[REMOTE_POD, parseAddr('203.0.113.9')].map(
    (from): OverlayDropCase => ({
      name: `from ${from}, by a node that the overlay does not lead to`,
      reason: 'unknown-node',
      counted: 'node',
      run: (lab) => {
        lab.identify(`${WORLD}/32`, 6);
        return lab.hear(SYN, { node: WORLD, from });
      },
    }),
  ),
  {
    name: 'what is broken, from who is no node',
    reason: 'unknown-node',
    counted: 'node',
    run: (lab) => lab.hear({ kind: 'raw', protocol: 47, bytes: new Uint8Array(40) }, { node: WORLD }),
  },
  ...[0, 1, 2, 5, 6, 7, 255, 65_536, 0xff_ffff].map(
    (identity): OverlayDropCase => ({
      name: `identity ${identity} for a pod`,
      reason: 'forged-identity',
      counted: 'node',
      run: (lab) => lab.hear(SYN, { identity }),
    }),
  ),
  {
    name: 'the identity of a prefix, which is this node’s own',
    reason: 'forged-identity',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { identity: CIDR & 0xff_ffff }),
  },
  ...[7, CIDR & 0xff_ffff].map(
    (identity): OverlayDropCase => ({
      name: `identity ${identity} for an API server that is on no node`,
      reason: 'spoofed-ip',
      counted: 'node',
      run: (lab) => {
        lab.identify(`${WORLD}/32`, CIDR);
        return lab.hear(SYN, { from: WORLD, identity });
      },
    }),
  ),
  {
    name: 'what such an API server sends as a node',
    reason: 'unknown-node',
    counted: 'node',
    run: (lab) => {
      lab.identify(`${WORLD}/32`, CIDR);
      return lab.hear(SYN, { node: WORLD, identity: 7 });
    },
  },
  ...[REMOTE, 1, 2, 7].map(
    (identity): OverlayDropCase => ({
      name: `identity ${identity} for a node`,
      reason: 'forged-identity',
      counted: 'node',
      run: (lab) => lab.hear(SYN, { from: OTHER_NODE, identity }),
    }),
  ),
  {
    name: 'a pod of a third node',
    reason: 'spoofed-ip',
    counted: 'node',
    run: (lab) => {
      lab.join(THIRD_NODE, '10.244.3.0/24');
      return lab.hear(SYN, { node: THIRD_NODE });
    },
  },
  {
    name: 'a third node’s own address',
    reason: 'spoofed-ip',
    counted: 'node',
    run: (lab) => {
      lab.join(THIRD_NODE, '10.244.3.0/24');
      return lab.hear(SYN, { from: THIRD_NODE, identity: 6 });
    },
  },
  ...[A, NODE, WORLD, parseAddr('127.0.0.1'), parseAddr('0.0.0.0'), parseAddr('224.0.0.1')].map(
    (from): OverlayDropCase => ({
      name: `from ${from}`,
      reason: 'spoofed-ip',
      counted: 'node',
      run: (lab) => lab.hear(SYN, { from }),
    }),
  ),
  ...[A, NODE, REMOTE_POD, OTHER_NODE, NEW_POD].map(
    (from): OverlayDropCase => ({
      name: `from ${from} as a client outside`,
      reason: from === A || from === NODE ? 'spoofed-ip' : 'forged-identity',
      counted: 'node',
      run: (lab) => lab.hear(SYN, { from, identity: 2 }),
    }),
  ),
  ...['127.0.0.1', '0.0.0.0', '224.0.0.1', '169.254.1.1'].map(
    (from): OverlayDropCase => ({
      name: `from ${from} as a client outside`,
      reason: 'spoofed-ip',
      counted: 'node',
      run: (lab) => lab.hear(SYN, { from: parseAddr(from), identity: 2 }),
    }),
  ),
  ...(['pod', 'node', 'service'] as const).map(
    (whose): OverlayDropCase => ({
      name: `from an address of a third ${whose} as a client outside`,
      reason: 'spoofed-ip',
      counted: 'node',
      run: (lab) => {
        lab.join(THIRD_NODE, '10.244.3.0/24');
        lab.identify('10.96.0.0/12', 254);
        const from = { pod: parseAddr('10.244.3.7'), node: THIRD_NODE, service: parseAddr('10.96.0.1') }[whose];
        return lab.hear(SYN, { from, identity: 2 });
      },
    }),
  ),
  {
    name: 'a client outside from who is no node',
    reason: 'unknown-node',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { node: A, from: WORLD, identity: 2 }),
  },
  {
    name: 'a client outside for this node’s own processes, or what left under its address',
    reason: 'wrong-destination',
    counted: 'node',
    run: (lab) => lab.hear(udp(53, 40_000), { from: WORLD, identity: 2, to: NODE, reach: 6 }),
  },
  {
    name: 'a client outside for another one',
    reason: 'wrong-destination',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { from: WORLD, identity: 2, to: parseAddr('203.0.113.9'), reach: 2 }),
  },
  {
    name: 'allowed to reach the address’s former owner',
    reason: 'stale-destination',
    run: (lab) => lab.hear(SYN, { reach: 302 }),
  },
  { name: 'allowed to reach nobody', reason: 'stale-destination', run: (lab) => lab.hear(SYN, { reach: 0 }) },
  {
    name: 'to the node by whom a pod is meant',
    reason: 'stale-destination',
    counted: 'node',
    run: (lab) => lab.hear(tcp(8080, 40_000, 'SYN', 'ACK'), { to: NODE, reach: 301 }),
  },
  {
    name: 'opens a connection to the node',
    reason: 'wrong-destination',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { to: NODE, reach: 6 }),
  },
  {
    name: 'answers the node what it did not ask',
    reason: 'icmp-unrelated',
    counted: 'node',
    run: (lab) => lab.hear(udp(53, 40_000), { to: NODE, reach: 6 }),
  },
  {
    name: 'to be sent on to the world',
    reason: 'wrong-destination',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { to: WORLD, reach: 2 }),
  },
  {
    name: 'to be sent on to a pod of another node',
    reason: 'wrong-destination',
    counted: 'node',
    run: (lab) => lab.hear(SYN, { to: REMOTE_POD, from: NEW_POD, reach: REMOTE }),
  },
  {
    name: 'to an address of this node’s range that no pod has',
    reason: 'no-endpoint',
    counted: 'node',
    run: (lab) => {
      lab.identify('10.244.1.0/24', 255);
      return lab.hear(SYN, { to: parseAddr('10.244.1.99') });
    },
  },
  {
    name: 'to a pod that is not ready',
    reason: 'peer-not-ready',
    run: (lab) => {
      lab.close(lab.b);
      return lab.hear(SYN);
    },
  },
  {
    name: 'in the middle of a connection that nobody knows, which the pod may not open',
    reason: 'ct-midstream',
    run: (lab) => lab.hear(tcp(40_000, 8080, 'ACK'), { to: A, reach: 300 }),
  },
  {
    name: 'an error about what the sender never got',
    reason: 'icmp-unrelated',
    run: (lab) => lab.hear(icmpError(B, WORLD, udp(8080, 40_000))),
  },
  {
    name: 'a later fragment before its first',
    reason: 'fragment-unknown',
    counted: 'node',
    run: (lab) => {
      const [, rest] = fragmentsOf(REMOTE_POD, B, udp(1, 2, new Uint8Array(64)), 24);
      return lab.arriveFrom(
        { node: OTHER_NODE, identity: REMOTE, reach: 301 },
        fromWorld(REMOTE_POD, B, rest, { ip: { id: 5, fragmentOffset: 24 } }),
      );
    },
  },
  {
    name: 'with a VLAN tag',
    reason: 'vlan',
    counted: 'node',
    run: (lab) =>
      lab.arriveFrom(
        { node: OTHER_NODE, identity: REMOTE, reach: 301 },
        fromWorld(REMOTE_POD, B, SYN, { ethernet: { vlan: 3 } }),
      ),
  },
];
