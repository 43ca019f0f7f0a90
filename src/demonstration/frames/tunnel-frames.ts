import type { Addr } from '../../net/index.ts';
import { concat, type Party, podFrame, udp } from './frames.ts';

/** Of the overlay, by default. */
const TUNNEL_PORT = 8472;

/** What a packet of the overlay says of itself. */
type Envelope = {
  /** Who its sender is said to be. */
  readonly identity: number;
  /** Whom he was allowed to reach; `undefined`: it does not say. */
  readonly reach?: number;
};

/** VXLAN (RFC 7348) with a group policy (draft-smith-vxlan-group-policy). */
function header({ identity, reach }: Envelope): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(reach === undefined ? 0x08 : 0x88, 0);
  bytes.writeUInt16BE(reach ?? 0, 2);
  bytes.writeUInt32BE(identity * 256, 4);
  return Uint8Array.from(bytes);
}

/** A datagram between two pods, as a node would send it to another. `outer`: who says so, to whom; `hop`: by whose MAC address. */
export function tunnelFrame(options: {
  readonly outer: { readonly from: Party; readonly to: Addr; readonly hop: Party['mac'] };
  readonly inner: { readonly from: Party; readonly to: Addr; readonly port: number };
  readonly envelope: Envelope;
  readonly payload: Uint8Array;
}): Uint8Array {
  const { outer, inner, envelope, payload } = options;
  const carried = podFrame(inner.from, inner.to, udp(40_000, inner.port, payload));
  return podFrame(outer.from, outer.to, udp(50_000, TUNNEL_PORT, concat(header(envelope), carried)), {
    ethernet: { destination: outer.hop },
  });
}
