import { RESERVED_IDS } from '../identity/index.ts';
import { type IdentityId, identityId } from '../model/index.ts';
import { type Addr, type Prefix, PrefixMap } from '../net/index.ts';
import type { IpcacheRow } from './ipcache-row.ts';

/** Where the cluster gives out addresses. What lies in one and has no owner is nobody's, and never the world's. */
export type ClusterRanges = {
  /** Ranges of ClusterIPs, and ClusterIPs that lie in none of them. */
  readonly services: readonly Prefix[];
  /** What nodes give to their pods. */
  readonly pods: readonly Prefix[];
  /** By range of pods in canonical text: the node that the overlay finds them at. */
  readonly tunnels?: ReadonlyMap<string, Addr>;
};

/** Answers in which range a prefix lies, in time that does not grow with how many there are. */
export class RangeIndex {
  readonly #rows = new Map<string, IpcacheRow>();
  readonly #identities = new PrefixMap<IdentityId>();

  constructor({ services, pods, tunnels }: ClusterRanges) {
    for (const prefix of pods) {
      this.#add(prefix, RESERVED_IDS['pod-range'], tunnels?.get(prefix.toString()) ?? null);
    }
    // Of a prefix that is both: no pod may have the address of a service.
    for (const prefix of services) this.#add(prefix, RESERVED_IDS['service-range'], null);
  }

  #add(prefix: Prefix, identity: IdentityId, tunnel: Addr | null): void {
    this.#rows.set(prefix.toString(), { prefix, value: { identity, cidrIdentity: identityId(0), tunnel } });
    this.#identities.set(prefix, identity);
  }

  /** The ranges as rows of the ipcache, by prefix in canonical text. */
  rows(): ReadonlyMap<string, IpcacheRow> {
    return this.#rows;
  }

  /** Ranges that only one of the two has, or that are of another kind or node there. */
  difference(other: RangeIndex): Prefix[] {
    const only = (here: RangeIndex, there: RangeIndex) =>
      Array.from(here.#rows).flatMap(([text, { prefix, value }]) => {
        const other = there.#rows.get(text)?.value;
        return other?.identity === value.identity && other.tunnel === value.tunnel ? [] : [prefix];
      });
    return [...only(this, other), ...only(other, this)];
  }

  /** The identity of the longest range that covers the whole prefix. */
  of(prefix: Prefix): IdentityId | undefined {
    return this.#identities.around(prefix);
  }

  /** The same of one address. */
  at(addr: Addr): IdentityId | undefined {
    return this.#identities.longest(addr);
  }
}
