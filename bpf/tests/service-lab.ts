import type { ServiceKey } from '../../src/datapath/gen/codecs.ts';
import type { Config } from '../../src/datapath/gen/config.ts';
import type { MapSizes } from '../../src/datapath/maps/map-set.ts';
import { type ServiceMaps, serviceMaps } from '../../src/datapath/maps/service-maps.ts';
import {
  type AffinityMap,
  affinityMap,
  backendRow,
  serviceRow,
  type TranslationsMap,
  translationsMap,
} from '../../src/datapath/maps/testkit.ts';
import type { PolicyTableRow } from '../../src/model/testkit.ts';
import { type Addr, PROTOCOL_NUMBERS, parseAddr } from '../../src/net/index.ts';
import { parseDatagram, parsePacket } from '../../src/net/testkit.ts';
import type { Lab, Outcome } from './lab.ts';
import { BACKEND_INGRESS, Pair, SERVICE, TCP } from './pair.ts';

export const VIP = parseAddr('10.96.0.1');
export const VIP_PORT = 80;
export const NODE_PORT = 30_080;
/** The address of a node port's frontend. */
export const ANY = parseAddr('::');

export type ServiceSpec = {
  readonly addr: Addr;
  readonly port: number;
  readonly protocol?: number;
  readonly scope?: ServiceKey['scope'];
  readonly backends: readonly Addr[];
  readonly affinitySeconds?: number;
  readonly flags?: number;
  readonly backendPort?: number;
};

/** Writes services as an agent does: backends and slots first, the frontend last. */
export class Services {
  readonly maps: ServiceMaps;
  readonly translations: TranslationsMap;
  readonly affinity: AffinityMap;
  readonly #ids = new Map<string, number>();
  #revision = 1;

  constructor(lab: Lab) {
    this.maps = serviceMaps(lab.datapath.maps);
    this.translations = translationsMap(lab.datapath.maps);
    this.affinity = affinityMap(lab.datapath.maps);
  }

  backendId(addr: Addr, protocol: number = TCP, port = SERVICE): number {
    const name = `${addr} ${protocol} ${port}`;
    const id = this.#ids.get(name) ?? this.#ids.size + 1;
    this.#ids.set(name, id);
    return id;
  }

  /** As when the map was full of newer connections. */
  async forgetTranslations(): Promise<void> {
    await this.translations.deleteMany((await this.translations.entries()).map(([key]) => key));
  }

  set(spec: ServiceSpec): void {
    const { protocol = TCP, backendPort = SERVICE } = spec;
    const revision = this.#revision++;
    for (const [slot, addr] of spec.backends.entries()) {
      const backend = this.backendId(addr, protocol, backendPort);
      this.maps.backends.set(backend, backendRow({ addr, port: backendPort, protocol }));
      this.maps.slots.set({ revision, slot }, { backend });
    }
    this.maps.services.set(
      { addr: spec.addr, port: spec.port, protocol, scope: spec.scope ?? 'inside' },
      serviceRow({
        revision,
        count: spec.backends.length,
        service: spec.port,
        affinitySeconds: spec.affinitySeconds ?? 0,
        flags: spec.flags ?? 0,
      }),
    );
  }
}

/** A frontend and a backend pod (see Pair), and services. */
export async function serviceScene(
  options: {
    readonly b?: readonly PolicyTableRow[];
    readonly config?: Partial<Config>;
    readonly sizes?: MapSizes;
  } = {},
) {
  const pair = await Pair.create({
    b: options.b ?? BACKEND_INGRESS,
    ...(options.config === undefined ? {} : { config: options.config }),
    ...(options.sizes === undefined ? {} : { sizes: options.sizes }),
  });
  return { pair, services: new Services(pair), [Symbol.dispose]: () => pair[Symbol.dispose]() };
}

/** The addresses of a frame as it left, and whether its checksums are right. */
export function seen(outcome: Outcome) {
  const { ip, transport } = parsePacket(outcome.packet);
  return {
    verdict: outcome.verdict,
    from: `${ip?.source}:${transport?.sourcePort}`,
    to: `${ip?.destination}:${transport?.destinationPort}`,
    sums: [ip?.checksumOk, transport?.checksumOk],
  };
}

/** Ethernet, IPv4 and ICMP headers. */
const QUOTED_AT = 14 + 20 + 8;

/** An ICMP error as it left: its own addresses, those of the datagram that it quotes, and its checksums. */
export function seenError(outcome: Outcome) {
  const { ip, transport } = parsePacket(outcome.packet);
  const quoted = parseDatagram(outcome.packet.subarray(QUOTED_AT));
  return {
    verdict: outcome.verdict,
    from: ip?.source,
    to: ip?.destination,
    about: `${quoted.ip.source}:${quoted.transport?.sourcePort} ${quoted.ip.destination}:${quoted.transport?.destinationPort}`,
    sums: [ip?.checksumOk, transport?.checksumOk, quoted.ip.checksumOk],
  };
}

export const PROTOCOL_OF = { TCP: PROTOCOL_NUMBERS.TCP, UDP: PROTOCOL_NUMBERS.UDP, SCTP: PROTOCOL_NUMBERS.SCTP };
