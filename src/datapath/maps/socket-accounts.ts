import { SOCK_ALL, SOCK_OTHERS } from '../../model/gen/numbers.ts';
import { type EndpointId, endpointId } from '../../model/index.ts';
import { type SockAccount, sockAccountCodec } from '../gen/codecs.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { u64Codec } from './scalar-codecs.ts';

export const OTHERS = BigInt(SOCK_OTHERS);
export const ALL = SOCK_ALL;

export const sockAccountsCodecs: MapCodecs<bigint, SockAccount> = { key: u64Codec, value: sockAccountCodec };

/** By cookie of the network namespace; counted by the programs. */
export function sockAccountsMap(maps: MapSet): TypedMap<bigint, SockAccount> {
  return new KernelMap(maps.get('sock_accounts'), maps.spec('sock_accounts'), sockAccountsCodecs);
}

const NOBODY = endpointId(0);

/**
 * Who pays for what is remembered of sockets. The programs count in rows that this makes, one a network namespace; the
 * sockets of a namespace without a row share one account with all others of that kind. Throws E_DATAPATH_MAP,
 * E_DATAPATH_MAP_FULL.
 */
export class SocketAccounts {
  readonly #map: TypedMap<bigint, SockAccount>;

  constructor(map: TypedMap<bigint, SockAccount>) {
    this.#map = map;
  }

  /** Those of the node's own namespace and of nobody's: before any program looks for one. */
  prepare(node: bigint): void {
    for (const cookie of [OTHERS, ALL, node]) this.open(cookie, NOBODY);
  }

  /** Before the first socket there. Of what is there already the count is the programs'. */
  open(cookie: bigint, endpoint: EndpointId): void {
    if (this.#map.get(cookie)?.endpoint !== endpoint) this.#map.set(cookie, { used: 0, found: 0, endpoint });
  }

  /** Sockets of the namespace that somebody else has are forgotten. */
  close(cookie: bigint): void {
    this.#map.delete(cookie);
  }

  /** Namespaces of pods, whether these are there or not. */
  async pods(): Promise<[bigint, EndpointId][]> {
    const all = await this.#map.entries();
    return all.flatMap(([cookie, { endpoint }]) => (endpoint === NOBODY ? [] : [[cookie, endpoint]]));
  }
}
