import { PROTOCOL_NUMBERS } from '../net/index.ts';

/** One packet that opens a connection, as a verdict sees it: IANA protocol, destination port or for ICMP `type << 8`. */
export type Point = { readonly protocol: number; readonly port: number };

/** Packets that nothing asked here tells apart; ports included at both ends. */
export type Cell = { readonly protocol: number; readonly from: number; readonly to: number };

const { TCP, UDP, SCTP, ICMP } = PROTOCOL_NUMBERS;
/** Of which the datapath opens connections; everything else it drops before anybody is asked (bpf/lib/parse.h). */
const CARRIED = [TCP, UDP, SCTP, ICMP];
const ECHO_REQUEST = 8 << 8;
const PORTS = 0x1_0000;
const PROTOCOLS = 256;

/** Where answers may begin to be others, by protocol. What is the same for all packets has none. */
export class Borders {
  readonly #starts = new Map<number, Set<number>>();

  /** Everything from `from` to `to` may be judged otherwise than what lies around it. */
  add(protocol: number, from = 0, to = PORTS - 1): this {
    const starts = this.#starts.get(protocol) ?? new Set([0]);
    this.#starts.set(protocol, starts);
    starts.add(from);
    if (to + 1 < PORTS) starts.add(to + 1);
    return this;
  }

  addAll(other: Borders): this {
    for (const [protocol, starts] of other.#starts) {
      const own = this.#starts.get(protocol) ?? new Set([0]);
      this.#starts.set(protocol, own);
      for (const start of starts) own.add(start);
    }
    return this;
  }

  /**
   * All packets there are, in cells: no border lies within one, so that one of its packets answers for all. Protocols that
   * have no border are one cell, of the smallest such number.
   */
  *cells(): Generator<Cell> {
    const protocols = new Set([...CARRIED, ...this.#starts.keys()]);
    for (const protocol of protocols) {
      const starts = new Set(this.#starts.get(protocol) ?? [0]);
      if (protocol === ICMP) starts.add(ECHO_REQUEST).add(ECHO_REQUEST + 1);
      const sorted = Array.from(starts).sort((a, b) => a - b);
      for (const [index, from] of sorted.entries()) yield { protocol, from, to: (sorted[index + 1] ?? PORTS) - 1 };
    }
    for (let protocol = 1; protocol < PROTOCOLS; protocol += 1) {
      if (protocols.has(protocol)) continue;
      yield { protocol, from: 0, to: PORTS - 1 };
      return;
    }
  }
}

/** Whether the datapath opens a connection by any packet of the cell, should everybody allow it. */
export function isCarried({ protocol, from }: Cell): boolean {
  return protocol === ICMP ? from === ECHO_REQUEST : CARRIED.some((one) => one === protocol);
}

/** The packet that speaks for the cell: with a port that a client may name. */
export const pointOf = ({ protocol, from, to }: Cell): Point => ({ protocol, port: from === 0 && to > 0 ? 1 : from });
