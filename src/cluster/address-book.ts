import type { NamespacedName } from '../base/index.ts';
import { type CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import { type IdentityId, identityId } from '../model/index.ts';
import { type Addr, addrFamily, isAddr, Prefix, parseAddr } from '../net/index.ts';
import { type ClusterRanges, RangeIndex } from './cluster-ranges.ts';
import type { IpcacheRow } from './ipcache-row.ts';

/** Pods and nodes are also judged by prefix only where the configuration says so. */
export type AddressKind = 'pod' | 'node';

/** Whose an address is: `key` as in the table of its kind. */
export type AddressOwner = { readonly kind: AddressKind; readonly key: NamespacedName };

export type AddressBookOptions = {
  readonly cidrs: CidrIdentities;
  readonly cidrSelects: readonly ('pods' | 'nodes')[];
  /**
   * How many addresses may have a row, so that prefixes always have room: an `except` without a row would be judged as
   * the block around it. Default: any number.
   */
  readonly maxAddresses?: number;
};

/** `tunnel`: the node that the overlay finds the owner at. */
export type Claim = { readonly owner: AddressOwner; readonly identity: IdentityId; readonly tunnel: Addr | null };

type Owned = {
  pod: Claim | undefined;
  /** By the nodes' names; the last one counts. */
  nodes: Map<NamespacedName, Claim> | undefined;
  /** It has a row, or would have one if it were not the services'. */
  isPlaced: boolean;
};

const NONE = identityId(0);

/**
 * What holds where nobody says more. Both are always there: in a trie of 128-bit addresses IPv4 lies within ::/0 and
 * within every other prefix around ::ffff:0:0/96, and 0.0.0.0/0 (::ffff:0:0/96 there) is what keeps those from speaking
 * for it, whether some policy names it or not.
 */
const EVERYWHERE: ReadonlyMap<string, IpcacheRow> = new Map(
  ['0.0.0.0/0', '::/0'].map((text) => [
    text,
    { prefix: Prefix.parse(text), value: { identity: RESERVED_IDS.world, cidrIdentity: NONE, tunnel: null } },
  ]),
);

/** As `Prefix.host(addr).toString()` says it. */
const hostText = (addr: Addr): string => `${addr}/${addrFamily(addr) === 4 ? 32 : 128}`;

/** Of which address such a text is. */
function hostOf(text: string): Addr | undefined {
  const addr = text.slice(0, text.lastIndexOf('/')) as Addr;
  return text.endsWith(addrFamily(addr) === 4 ? '/32' : '/128') ? addr : undefined;
}

/**
 * Who is behind which address elsewhere: the desired rows of the ipcache, the only place that makes them. A node's claim
 * to an address beats a pod's. What of the cluster's own ranges has no owner is nobody's: a prefix that a policy names
 * within one has no row, since the longer match would make it somebody's. It remembers what changed since it was asked, so
 * that a change costs what it changes; rows of addresses are made when somebody asks for them.
 */
export class AddressBook {
  readonly #cidrs: CidrIdentities;
  readonly #cidrSelects: ReadonlySet<AddressKind>;
  readonly #maxAddresses: number;
  readonly #owned = new Map<Addr, Owned>();
  readonly #addressesOf = new Map<NamespacedName, readonly Addr[]>();
  readonly #unplaced = new Set<Addr>();
  #apiServers: ReadonlySet<Addr> = new Set();
  #placed = 0;
  #prefixes = new Map<string, { readonly prefix: Prefix; readonly id: IdentityId }>();
  #ranges = new RangeIndex({ services: [], pods: [] });
  /** Owners to be looked at. */
  #dirty = new Set<Addr>();
  /** Rows that may have changed since somebody asked. */
  #changed = new Set<string>(EVERYWHERE.keys());
  #generation = 0;

  constructor({ cidrs, cidrSelects, maxAddresses = Number.POSITIVE_INFINITY }: AddressBookOptions) {
    this.#cidrs = cidrs;
    this.#cidrSelects = new Set(cidrSelects.map((kind) => (kind === 'pods' ? 'pod' : 'node')));
    this.#maxAddresses = maxAddresses;
  }

  /** Another number whenever a row may be other, but for the prefixes that `cidrs` has. */
  get generation(): number {
    return this.#generation;
  }

  /** Addresses with an owner. */
  get size(): number {
    return this.#owned.size;
  }

  /** Addresses with an owner for which there is no room. */
  get unplaced(): number {
    return this.#unplaced.size;
  }

  /** The pod that has an address elsewhere; undefined: none. */
  setPod(addr: Addr, claim: Claim | undefined): void {
    const owned = this.#owned.get(addr);
    if (owned === undefined && claim === undefined) return;
    this.#generation += 1;
    if (owned === undefined) this.#owned.set(addr, { pod: claim, nodes: undefined, isPlaced: false });
    else owned.pod = claim;
    this.#dirty.add(addr);
  }

  /** All addresses of a node. */
  setNode(node: NamespacedName, addrs: readonly Addr[], tunnel: Addr | null = null): void {
    this.#generation += 1;
    for (const addr of this.#addressesOf.get(node) ?? []) {
      this.#owned.get(addr)?.nodes?.delete(node);
      this.#dirty.add(addr);
    }
    if (addrs.length === 0) this.#addressesOf.delete(node);
    else this.#addressesOf.set(node, addrs);
    const claim: Claim = { owner: { kind: 'node', key: node }, identity: RESERVED_IDS['remote-node'], tunnel };
    for (const addr of addrs) {
      const owned = this.#owned.get(addr) ?? { pod: undefined, nodes: undefined, isPlaced: false };
      owned.nodes ??= new Map();
      owned.nodes.set(node, claim);
      this.#owned.set(addr, owned);
      this.#dirty.add(addr);
    }
  }

  /** All addresses at which API servers answer: what a node is known by there. */
  setApiServers(addrs: Iterable<Addr>): void {
    this.#generation += 1;
    const before = this.#apiServers;
    this.#apiServers = new Set(addrs);
    for (const addr of before.symmetricDifference(this.#apiServers)) this.#dirty.add(addr);
  }

  /** Whether an API server answers at one of a node's addresses, as its object has them. */
  hasApiServer(addresses: readonly string[]): boolean {
    return addresses.some((text) => isAddr(text) && this.#apiServers.has(parseAddr(text)));
  }

  /** The owner of an address and its identity, as the ipcache states it. */
  ownerOf(addr: Addr): Claim | undefined {
    const owned = this.#owned.get(addr);
    return owned && this.#claimTo(addr, owned);
  }

  /** Second identity, by prefix, of an address of this kind; 0: none. */
  cidrIdentityOf(kind: AddressKind, addr: Addr): IdentityId {
    return this.#cidrSelects.has(kind) ? (this.#cidrs.of(addr)?.id ?? NONE) : NONE;
  }

  /** Follows the prefixes that policies name now. True when they changed. */
  followPrefixes(): boolean {
    this.#generation += 1;
    const before = this.#prefixes;
    this.#prefixes = new Map(this.#cidrs.identities().map(({ prefix, id }) => [prefix.toString(), { prefix, id }]));
    const changed = [...only(before, this.#prefixes), ...only(this.#prefixes, before)];
    for (const prefix of changed) this.#changed.add(prefix.toString());
    if (this.#cidrSelects.size > 0) this.#touchWithin(changed);
    return changed.length > 0;
  }

  /** Follows the ranges of the cluster. */
  followRanges(ranges: ClusterRanges): void {
    this.#generation += 1;
    const before = this.#ranges;
    this.#ranges = new RangeIndex(ranges);
    const changed = this.#ranges.difference(before);
    for (const prefix of changed) this.#changed.add(prefix.toString());
    const wide = changed.filter(({ length, bits }) => length < bits);
    if (wide.length > 0) {
      for (const [text, { prefix }] of this.#prefixes) {
        if (wide.some((range) => range.contains(prefix))) this.#changed.add(text);
      }
    }
    // Pods may be in ranges of pods: only what is the services', or was, decides about an address. Where a range of pods
    // within one of services comes or goes, that is what lies around it.
    const isServices = (prefix: Prefix) => [before, this.#ranges].some((one) => one.of(prefix) === SERVICES);
    this.#touchWithin(changed.filter(isServices));
  }

  /** The identity of the range of the cluster that the address lies in, if it does. */
  rangeOf(addr: Addr): IdentityId | undefined {
    return this.#ranges.at(addr);
  }

  /** Rows that may be others since the last call, by prefix in canonical text; undefined: there is to be none. */
  changes(): ReadonlyMap<string, IpcacheRow | undefined> {
    this.#place();
    const changed = this.#changed;
    this.#changed = new Set();
    return new Map(Array.from(changed, (text) => [text, this.#rowOf(text)]));
  }

  /** All rows that the ipcache should have, by prefix in canonical text: for who knows nothing yet. `changes` begins anew. */
  desired(): ReadonlyMap<string, IpcacheRow> {
    this.#place();
    this.#changed = new Set();
    const hosts = Array.from(this.#owned.keys(), hostText);
    const texts = new Set([...EVERYWHERE.keys(), ...this.#ranges.rows().keys(), ...this.#prefixes.keys(), ...hosts]);
    return new Map(
      Array.from(texts).flatMap((text) => {
        const row = this.#rowOf(text);
        return row === undefined ? [] : [[text, row]];
      }),
    );
  }

  /** What the row of a prefix in canonical text is to say; undefined: there is to be none. */
  valueAt(text: string): IpcacheRow['value'] | undefined {
    const addr = hostOf(text);
    return (addr && this.#ownedValue(addr)) ?? this.#unowned(text)?.value;
  }

  #touchWithin(prefixes: readonly Prefix[]): void {
    const wide = prefixes.filter(({ length, bits }) => length < bits);
    for (const { length, bits, network } of prefixes) {
      if (length === bits && this.#owned.has(network)) this.#dirty.add(network);
    }
    if (wide.length === 0) return;
    for (const addr of this.#owned.keys()) {
      const host = Prefix.host(addr);
      if (wide.some((prefix) => prefix.contains(host))) this.#dirty.add(addr);
    }
  }

  /** Decides which addresses have a row. */
  #place(): void {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    // What is gone first: it makes room.
    const owned = Array.from(dirty).filter((addr) => !this.#forget(addr));
    for (const addr of owned) this.#placeOne(addr);
    if (this.#unplaced.size === 0) return;
    for (const addr of this.#unplaced) {
      if (this.#placed >= this.#maxAddresses) return;
      this.#placeOne(addr);
    }
  }

  /** Takes the row of an address without an owner back. */
  #forget(addr: Addr): boolean {
    const owned = this.#owned.get(addr);
    if (owned === undefined || this.#claimTo(addr, owned) !== undefined) return owned === undefined;
    this.#owned.delete(addr);
    this.#unplaced.delete(addr);
    if (owned.isPlaced) this.#placed -= 1;
    this.#changed.add(hostText(addr));
    return true;
  }

  #placeOne(addr: Addr): void {
    const owned = this.#owned.get(addr);
    if (owned === undefined) return;
    this.#changed.add(hostText(addr));
    if (owned.isPlaced) return;
    if (this.#placed >= this.#maxAddresses) {
      this.#unplaced.add(addr);
      return;
    }
    this.#unplaced.delete(addr);
    this.#placed += 1;
    this.#generation += 1;
    owned.isPlaced = true;
  }

  /** The row of a prefix: of who owns the address, a range of the cluster, what policies name, or what always holds. */
  #rowOf(text: string): IpcacheRow | undefined {
    const addr = hostOf(text);
    const value = addr && this.#ownedValue(addr);
    return addr === undefined || value === undefined ? this.#unowned(text) : { prefix: Prefix.host(addr), value };
  }

  #unowned(text: string): IpcacheRow | undefined {
    return this.#ranges.rows().get(text) ?? this.#named(text) ?? EVERYWHERE.get(text);
  }

  #ownedValue(addr: Addr): IpcacheRow['value'] | undefined {
    const owned = this.#owned.get(addr);
    const claim = owned?.isPlaced === true ? this.#claimTo(addr, owned) : undefined;
    if (claim === undefined) return undefined;
    const { owner, identity, tunnel } = claim;
    // A pod cannot have the address of a service, whatever its node says.
    if (owner.kind === 'pod' && this.rangeOf(addr) === SERVICES) return undefined;
    return { identity, cidrIdentity: this.cidrIdentityOf(owner.kind, addr), tunnel };
  }

  /** An API server that is on no node is somebody outside, as its address says: see `ApiServers`. */
  #claimTo(addr: Addr, { pod, nodes }: Owned): Claim | undefined {
    const node = nodes === undefined || nodes.size === 0 ? undefined : [...nodes.values()].at(-1);
    if (node === undefined) return pod;
    return this.#apiServers.has(addr) ? { ...node, identity: RESERVED_IDS['kube-apiserver'] } : node;
  }

  #named(text: string): IpcacheRow | undefined {
    const named = this.#prefixes.get(text);
    if (named === undefined || this.#ranges.of(named.prefix) !== undefined) return undefined;
    return { prefix: named.prefix, value: { identity: named.id, cidrIdentity: NONE, tunnel: null } };
  }
}

const SERVICES = RESERVED_IDS['service-range'];

type Named = ReadonlyMap<string, { readonly prefix: Prefix; readonly id: IdentityId }>;

/** Prefixes that only one of the two has, or that have another identity there. */
function only(here: Named, there: Named): Prefix[] {
  return Array.from(here).flatMap(([text, { prefix, id }]) => (there.get(text)?.id === id ? [] : [prefix]));
}
