import { type Addr, type Mac, parseAddr } from '../../net/index.ts';
import type { FrameCase } from './frame-case.ts';
import { concat, type Party, podFrame, syn, udp } from './frames.ts';

export type LoopbackScene = {
  readonly attacker: Party;
  /** Whom frames are addressed to: the gateway of a pod, or the node's own device. */
  readonly nextHop: Mac;
  readonly node: Addr;
  /** Somebody else, whose address is forged. */
  readonly other: Addr;
  /** A pod's device asks first whose address it is; the node's own knows only that nobody out there has 127/8. */
  readonly isPod: boolean;
  /** Where servers listen that are bound to the node's 127.0.0.1; the first is a node port too. */
  readonly ports: { readonly nodePort: number; readonly plain: number };
};

const TARGET = parseAddr('127.0.0.1');
const LOOPBACK = [TARGET, parseAddr('127.0.0.2')];

/** VLAN 0 (802.1p): the kernel takes such tags off, however many, and goes on as if they had not been there. */
const PRIORITY_TAG = Uint8Array.of(0x81, 0, 0, 0);
const MACS_BYTES = 12;

function tagged(frame: Uint8Array, tags: number): Uint8Array {
  const all = Array.from({ length: tags }, () => PRIORITY_TAG);
  return concat(frame.subarray(0, MACS_BYTES), ...all, frame.subarray(MACS_BYTES));
}

/** CVE-2020-8558 in all its forms: TCP and UDP, to the node port and to the other port. */
export function loopbackCases(scene: LoopbackScene): FrameCase[] {
  const { attacker, nextHop, node, other, isPod, ports } = scene;
  const frames =
    (sources: readonly Addr[], destination: Addr, to: readonly number[]) =>
    (marker: Uint8Array): Uint8Array[] =>
      sources.flatMap((ip) =>
        to.flatMap((port) =>
          [syn(40_000, port, marker), udp(40_000, port, marker)].map((transport) =>
            podFrame({ ...attacker, ip }, destination, transport, { ethernet: { destination: nextHop } }),
          ),
        ),
      );
  const both = [ports.nodePort, ports.plain];
  const sources = frames([attacker.ip, parseAddr('127.0.0.2')], TARGET, both);
  const forged = isPod ? 'spoofed-ip' : 'loopback-address';
  return [
    {
      name: 'own-source',
      tried: 'its own source address, to 127.0.0.1',
      reason: 'loopback-address',
      frames: frames([attacker.ip], TARGET, both),
    },
    {
      name: 'loopback-source',
      tried: 'from 127.0.0.1 and 127.0.0.2, to 127.0.0.1',
      reason: 'loopback-address',
      frames: frames(LOOPBACK, TARGET, both),
    },
    {
      name: 'forged-source',
      tried: 'with the addresses of somebody else and of the node as source, to 127.0.0.1',
      reason: forged,
      frames: frames([other, node], TARGET, both),
    },
    {
      name: 'loopback-to-node-port',
      tried: "from 127.0.0.1 and 127.0.0.2, to the node's own address and the node port",
      reason: 'loopback-address',
      frames: frames(LOOPBACK, node, [ports.nodePort]),
    },
    {
      name: 'as-node',
      tried: "with the node's address as source, to the node's own address",
      reason: 'spoofed-ip',
      frames: frames([node], node, both),
    },
    {
      name: 'priority-tag',
      tried: 'with a priority tag (VLAN 0), from its own address and 127.0.0.2, to 127.0.0.1',
      reason: isPod ? 'vlan' : 'loopback-address',
      frames: (marker) => sources(marker).map((frame) => tagged(frame, 1)),
    },
    {
      name: 'priority-tags',
      tried: 'with two priority tags, from its own address and 127.0.0.2, to 127.0.0.1',
      reason: 'vlan',
      frames: (marker) => sources(marker).map((frame) => tagged(frame, 2)),
    },
  ];
}
