import type { Config } from '../../src/datapath/gen/config.ts';
import type { MapSizes } from '../../src/datapath/maps/map-set.ts';
import type { PolicyTableRow } from '../../src/model/testkit.ts';
import { PROTOCOL_NUMBERS, type TransportSpec } from '../../src/net/index.ts';
import { A, A6, B, B6 } from './drop-cases/case.ts';
import { fromPod, sctp, tcp, udp } from './frames.ts';
import { allow, EVERYTHING, Lab, type LabPod, OPEN, type Outcome } from './lab.ts';

export { A, B };
export const { TCP, UDP, SCTP, ICMP } = PROTOCOL_NUMBERS;

export const FRONTEND = 300;
export const BACKEND = 301;
/** The identity of whoever takes over an address. */
export const CHAOS = 302;
export const SERVICE = 8080;
export const CLIENT = 40_000;

/** The backend lets the frontend in on its port, for every protocol, and nobody else. */
export const BACKEND_INGRESS: readonly PolicyTableRow[] = [TCP, UDP, SCTP].map((protocol) =>
  allow('ingress', FRONTEND, protocol, SERVICE),
);

/** A frontend that may send anywhere and lets nobody in, and a backend as above that sends nowhere by itself. */
export class Pair extends Lab {
  a: LabPod;
  b: LabPod;

  private constructor(options: { readonly config?: Partial<Config>; readonly sizes?: MapSizes }) {
    super(options);
    this.a = this.pod({ id: 1, addr: A, identity: FRONTEND, ipv6: A6 });
    this.b = this.pod({ id: 2, addr: B, identity: BACKEND, ipv6: B6 });
  }

  static async create(
    options: {
      readonly a?: readonly PolicyTableRow[];
      readonly b?: readonly PolicyTableRow[];
      readonly config?: Partial<Config>;
      readonly sizes?: MapSizes;
    } = {},
  ): Promise<Pair> {
    const pair = new Pair(options);
    await pair.open(pair.a, options.a ?? [OPEN.egress]);
    await pair.open(pair.b, options.b ?? BACKEND_INGRESS);
    return pair;
  }

  /** Two pods without any restriction. */
  static async unrestricted(options: { readonly config?: Partial<Config>; readonly sizes?: MapSizes } = {}) {
    return await Pair.create({ ...options, a: EVERYTHING, b: EVERYTHING });
  }

  /** `a` sends to `b`'s address. */
  forth(transport: TransportSpec): Outcome {
    return this.send(this.a, fromPod(this.a, B, transport));
  }

  /** `b` sends to `a`'s address. */
  back(transport: TransportSpec): Outcome {
    return this.send(this.b, fromPod(this.b, A, transport));
  }

  /** Opens a connection from `a` and lets it be answered. */
  establish(protocol: Transport, source = CLIENT, destination = SERVICE): void {
    const { forth, back } = SPEECH[protocol];
    for (const transport of forth.opening(source, destination)) expectPassed(this.forth(transport));
    for (const transport of back.opening(destination, source)) expectPassed(this.back(transport));
    expectPassed(this.forth(forth.data(source, destination)));
  }

  /** Another pod takes over the address of one of the two. */
  async replace(
    which: 'a' | 'b',
    options: { readonly id: number; readonly table: readonly PolicyTableRow[] },
  ): Promise<LabPod> {
    const former = this[which];
    this.remove(former);
    const heir = this.pod({ id: options.id, addr: former.addr, identity: CHAOS });
    this[which] = heir;
    await this.open(heir, options.table);
    return heir;
  }
}

function expectPassed(outcome: Outcome): void {
  if (outcome.action === 'drop') throw new Error(`the connection could not be established: ${outcome.verdict}`);
}

export type Transport = 'TCP' | 'UDP' | 'SCTP';
export const TRANSPORTS: readonly Transport[] = ['TCP', 'UDP', 'SCTP'];

type Speaker = {
  readonly opening: (from: number, to: number) => readonly TransportSpec[];
  readonly data: (from: number, to: number) => TransportSpec;
};

const speaker = (opening: Speaker['opening'], data: Speaker['data']): Speaker => ({ opening, data });

/** How the two ends of a connection talk: who opens, who answers. */
export const SPEECH: Readonly<Record<Transport, { readonly forth: Speaker; readonly back: Speaker }>> = {
  TCP: {
    forth: speaker(
      (from, to) => [tcp(from, to, 'SYN')],
      (from, to) => tcp(from, to, 'ACK', 'PSH'),
    ),
    back: speaker(
      (from, to) => [tcp(from, to, 'SYN', 'ACK')],
      (from, to) => tcp(from, to, 'ACK', 'PSH'),
    ),
  },
  UDP: { forth: speaker((from, to) => [udp(from, to)], udp), back: speaker((from, to) => [udp(from, to)], udp) },
  SCTP: {
    forth: speaker(
      (from, to) => [sctp(from, to, 1)],
      (from, to) => sctp(from, to, 0),
    ),
    back: speaker(
      (from, to) => [sctp(from, to, 2)],
      (from, to) => sctp(from, to, 0),
    ),
  },
};
