import { type Addr, buildDatagram, buildPacket, internetChecksum } from '../../net/index.ts';
import type { FrameCase } from './frame-case.ts';
import { concat, GATEWAY, type Party, ping, podFrame, syn, udp } from './frames.ts';

/** Offsets in a frame with an IPv4 header of 20 bytes. */
const AT = { source: 28, destination: 32, destinationPort: 36, icmpId: 38, tcpFlags: 46, quotedPort: 62 } as const;
export type UnfinishedScene = {
  readonly attacker: Party;
  /** Outside of the node. */
  readonly to: Addr;
  /** The one that the attacker's policy allows. */
  readonly port: number;
  readonly forbiddenPort: number;
};

/**
 * A datagram to the allowed port whose checksum, from the destination port on, is the forbidden port: once the kernel has
 * "finished" it where it was told to.
 */
export function turningPort({ attacker, to, port, forbiddenPort }: UnfinishedScene, marker: Uint8Array): Uint8Array {
  const frame = podFrame(attacker, to, udp(40_000, port, concat(marker, new Uint8Array(2))));
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  view.setUint16(AT.destinationPort + 4, 0);
  const found = internetChecksum(frame.subarray(AT.destinationPort));
  view.setUint16(frame.length - 2, (found - forbiddenPort + 0xffff) % 0xffff);
  return frame;
}

/** A pod has a checksum written where it would change what was judged. Each frame is allowed as it stands. */
export function unfinishedCases(scene: UnfinishedScene): FrameCase[] {
  const { attacker, to, port } = scene;
  const one = (
    name: string,
    tried: string,
    unfinished: string,
    frame: (marker: Uint8Array) => Uint8Array,
  ): FrameCase => ({ name, tried, reason: 'unfinished-checksum', unfinished, frames: (marker) => [frame(marker)] });
  const datagram = (marker: Uint8Array) => podFrame(attacker, to, udp(40_000, port, marker));

  return [
    one('port', 'has the checksum written over the destination port', `${AT.destinationPort}:0`, (marker) =>
      turningPort(scene, marker),
    ),
    one('address', 'over the destination address', `${AT.destination}:0`, datagram),
    one('source', 'over the source address', `${AT.source}:0`, datagram),
    one('tcp-port', 'over the destination port of a SYN', `${AT.destinationPort}:0`, (marker) =>
      podFrame(attacker, to, syn(40_000, port, marker)),
    ),
    one('tcp-flags', 'over the flags of a SYN', `${AT.tcpFlags}:0`, (marker) =>
      podFrame(attacker, to, syn(40_001, port, marker)),
    ),
    one('ping', 'over the id of a ping', `${AT.icmpId}:0`, (marker) => podFrame(attacker, to, ping(7, marker))),
    one('quoted', 'over the port in what an ICMP error quotes', `${AT.quotedPort}:0`, (marker) =>
      podFrame(attacker, to, {
        kind: 'icmp',
        type: 3,
        code: 3,
        payload: buildDatagram({
          network: { kind: 'ipv4', source: to, destination: attacker.ip },
          transport: udp(port, 40_000, marker),
        }),
      }),
    ),
    one('fragment', 'in the first fragment of a datagram', '34:6', (marker) =>
      buildPacket({
        ethernet: { source: attacker.mac, destination: GATEWAY.mac },
        network: { kind: 'ipv4', source: attacker.ip, destination: to, id: 4711, moreFragments: true },
        transport: udp(40_000, port, concat(marker, new Uint8Array(12))),
      }),
    ),
  ];
}
