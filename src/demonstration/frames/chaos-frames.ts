import { type Addr, buildPacket, type TcpFlag } from '../../net/index.ts';
import { concat, GATEWAY, type Party, ping, podFrame, syn, udp } from './frames.ts';

/** A TCP connection as one of its ends sees it. */
export type Numbers = {
  readonly localPort: number;
  readonly remote: Addr;
  readonly remotePort: number;
  /** Next to send, and next expected. */
  readonly sequence: number;
  readonly acknowledgement: number;
};

/** Bytes that the server counts as an attacker's. */
const INJECTED = new TextEncoder().encode('XXXXXXXX');

/** A segment that the other end would take for the next one of this connection. */
export function nextSegment(
  from: Party,
  numbers: Numbers,
  flags: readonly TcpFlag[],
  payload: Uint8Array,
  behind = 0,
): Uint8Array {
  return podFrame(from, numbers.remote, {
    kind: 'tcp',
    sourcePort: numbers.localPort,
    destinationPort: numbers.remotePort,
    flags,
    sequence: (numbers.sequence + behind) >>> 0,
    acknowledgement: numbers.acknowledgement,
    payload,
  });
}

/**
 * What the new owner of an address sends to whom the former owner talked to: everything that would go on with the old
 * connection, and everything that would open a new one.
 */
export function chaosFrames(chaos: Party, numbers: Numbers, marker: Uint8Array): Uint8Array[] {
  const data = concat(INJECTED, marker);
  const to = numbers.remote;
  return [
    nextSegment(chaos, numbers, ['PSH', 'ACK'], data),
    nextSegment(chaos, numbers, ['ACK'], data),
    nextSegment(chaos, numbers, ['PSH', 'ACK'], data, data.length),
    nextSegment(chaos, numbers, ['RST', 'ACK'], marker),
    nextSegment(chaos, numbers, ['FIN', 'ACK'], data),
    nextSegment(chaos, numbers, ['SYN', 'ACK'], data),
    podFrame(chaos, to, syn(numbers.localPort, numbers.remotePort, data)),
    podFrame(chaos, to, syn(50_001, numbers.remotePort, data)),
    podFrame(chaos, to, udp(numbers.localPort, numbers.remotePort, data)),
    podFrame(chaos, to, ping(numbers.localPort, data)),
    // An answer to a question that was never asked.
    podFrame(chaos, to, { kind: 'icmp', type: 0, id: numbers.localPort, sequence: 1, payload: data }),
    buildPacket({
      ethernet: { source: chaos.mac, destination: GATEWAY.mac },
      network: {
        kind: 'ipv4',
        source: chaos.ip,
        destination: to,
        protocol: 6,
        fragmentOffset: 24,
        id: numbers.localPort,
      },
      transport: { kind: 'raw', protocol: 6, bytes: concat(data, new Uint8Array(4)) },
    }),
  ];
}
