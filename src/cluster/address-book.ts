import { flatText, type NamespacedName } from '../base/index.ts';
import { type CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import { type IdentityId, identityId } from '../model/index.ts';
import { type Addr, Prefix } from '../net/index.ts';
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

type Claim = { readonly owner: AddressOwner; readonly identity: IdentityId; readonly tunnel: Addr | null };

const textOf = ({ kind, key }: AddressOwner): string => flatText(kind, ' ', key);

const NONE = identityId(0);

/**
 * What holds where nobody says more. Both are always there: in a trie of 128-bit addresses IPv4 lies within ::/0 and
 * within every other prefix around ::ffff:0:0/96, and 0.0.0.0/0 (::ffff:0:0/96 there) is what keeps those from speaking
 * for it, whether some policy names it or not.
 */
const EVERYWHERE: readonly IpcacheRow[] = ['0.0.0.0/0', '::/0'].map((text) => ({
  prefix: Prefix.parse(text),
  value: { identity: RESERVED_IDS.world, cidrIdentity: NONE, tunnel: null },
}));

const EVERYWHERE_BY_TEXT: ReadonlyMap<string, IpcacheRow> = new Map(
  EVERYWHERE.map((row) => [row.prefix.toString(), row]),
);

/**
 * Who is behind which address elsewhere: the desired rows of the ipcache, the only place that makes them. An owner (a pod or a
 * node) claims addresses; a node's claim beats a pod's, of two pods the later one wins, because the earlier is on its
 * way out. What of the cluster's own ranges has no owner is nobody's: a prefix that a policy names within one has no row,
 * since the longer match would make it somebody's.
 */
export class AddressBook {
  readonly #cidrs: CidrIdentities;
  readonly #cidrSelects: ReadonlySet<AddressKind>;
  readonly #maxAddresses: number;
  readonly #claims = new Map<Addr, Map<string, Claim>>();
  readonly #owned = new Map<string, readonly Addr[]>();
  readonly #desired = new Map<string, IpcacheRow>(EVERYWHERE_BY_TEXT);
  readonly #placed = new Set<Addr>();
  readonly #unplaced = new Set<Addr>();
  #prefixes = new Map<string, IdentityId>();
  #ranges = new RangeIndex({ services: [], pods: [] });
  #dirty = new Set<Addr>();

  constructor({ cidrs, cidrSelects, maxAddresses = Number.POSITIVE_INFINITY }: AddressBookOptions) {
    this.#cidrs = cidrs;
    this.#cidrSelects = new Set(cidrSelects.map((kind) => (kind === 'pods' ? 'pod' : 'node')));
    this.#maxAddresses = maxAddresses;
  }

  /** Addresses with an owner. */
  get size(): number {
    return this.#claims.size;
  }

  /** Addresses with an owner for which there is no room. */
  get unplaced(): number {
    return this.#unplaced.size;
  }

  /** Replaces all claims of an owner. `tunnel`: the node that the overlay finds him at. */
  claim(owner: AddressOwner, addrs: readonly Addr[], identity: IdentityId, tunnel: Addr | null = null): void {
    this.release(owner);
    if (addrs.length === 0) return;
    const text = textOf(owner);
    this.#owned.set(text, addrs);
    for (const addr of addrs) {
      const claims = this.#claims.get(addr) ?? new Map<string, Claim>();
      claims.set(text, { owner, identity, tunnel });
      this.#claims.set(addr, claims);
      this.#dirty.add(addr);
    }
  }

  /** Gives up all claims of an owner. */
  release(owner: AddressOwner): void {
    const text = textOf(owner);
    for (const addr of this.#owned.get(text) ?? []) {
      this.#claims.get(addr)?.delete(text);
      this.#dirty.add(addr);
    }
    this.#owned.delete(text);
  }

  /** The owner of an address and its identity, as the ipcache states it. */
  ownerOf(addr: Addr): Claim | undefined {
    let best: Claim | undefined;
    for (const claim of this.#claims.get(addr)?.values() ?? []) {
      if (best === undefined || best.owner.kind === 'pod' || claim.owner.kind === 'node') best = claim;
    }
    return best;
  }

  /** Second identity, by prefix, of an address of this kind; 0: none. */
  cidrIdentityOf(kind: AddressKind, addr: Addr): IdentityId {
    return this.#cidrSelects.has(kind) ? (this.#cidrs.of(addr)?.id ?? NONE) : NONE;
  }

  /** Follows the prefixes that policies name now. True when they changed: then every address is looked at again. */
  followPrefixes(): boolean {
    const now = new Map(this.#cidrs.identities().map((identity) => [identity.prefix.toString(), identity] as const));
    const before = this.#prefixes;
    this.#prefixes = new Map(Array.from(now, ([text, { id }]) => [text, id]));
    const gone = Array.from(before.keys()).filter((text) => !now.has(text));
    const come = Array.from(now).filter(([text, { id }]) => before.get(text) !== id);
    for (const text of gone) this.#settle(Prefix.parse(text));
    for (const [, { prefix }] of come) this.#settle(prefix);
    const changed = gone.length + come.length > 0;
    if (changed) for (const addr of this.#claims.keys()) this.#dirty.add(addr);
    return changed;
  }

  /** Follows the ranges of the cluster. */
  followRanges(ranges: ClusterRanges): void {
    const before = this.#ranges;
    this.#ranges = new RangeIndex(ranges);
    const changed = this.#ranges.difference(before);
    for (const prefix of changed) this.#settle(prefix);
    if (changed.every((prefix) => prefix.length === prefix.bits)) {
      for (const prefix of changed) if (this.#claims.has(prefix.network)) this.#dirty.add(prefix.network);
      return;
    }
    for (const text of this.#prefixes.keys()) this.#settle(Prefix.parse(text));
    for (const addr of this.#claims.keys()) this.#dirty.add(addr);
  }

  /** The identity of the range of the cluster that the address lies in, if it does. */
  rangeOf(addr: Addr): IdentityId | undefined {
    return this.#ranges.of(Prefix.host(addr));
  }

  /** All rows that the ipcache should have, by prefix in canonical text. */
  desired(): ReadonlyMap<string, IpcacheRow> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    // What is gone first: it makes room.
    const owned = Array.from(dirty).filter((addr) => !this.#forget(addr));
    for (const addr of owned) this.#refresh(addr);
    for (const addr of this.#unplaced) if (this.#placed.size < this.#maxAddresses) this.#refresh(addr);
    return this.#desired;
  }

  /** Takes the row of an address without an owner back. */
  #forget(addr: Addr): boolean {
    if (this.ownerOf(addr) !== undefined) return false;
    this.#claims.delete(addr);
    this.#placed.delete(addr);
    this.#unplaced.delete(addr);
    this.#unstate(addr);
    return true;
  }

  #refresh(addr: Addr): void {
    const owner = this.ownerOf(addr);
    if (owner === undefined) return;
    if (!this.#placed.has(addr) && this.#placed.size >= this.#maxAddresses) {
      this.#unplaced.add(addr);
      this.#unstate(addr);
      return;
    }
    this.#unplaced.delete(addr);
    this.#placed.add(addr);
    const isNode = this.#claims
      .get(addr)
      ?.values()
      .some((claim) => claim.owner.kind === 'node');
    // A pod cannot have the address of a service, whatever its status says.
    if (isNode !== true && this.rangeOf(addr) === RESERVED_IDS['service-range']) return this.#unstate(addr);
    const cidrIdentity = this.cidrIdentityOf(isNode === true ? 'node' : 'pod', addr);
    this.#put({ prefix: Prefix.host(addr), value: { identity: owner.identity, cidrIdentity, tunnel: owner.tunnel } });
  }

  /** Nobody owns the address: what holds for exactly this prefix holds again. */
  #unstate(addr: Addr): void {
    this.#settle(Prefix.host(addr));
  }

  /** The row of a prefix, owners apart: a range of the cluster, else what policies name, else what always holds. */
  #settle(prefix: Prefix): void {
    const text = prefix.toString();
    const row = this.#ranges.rows().get(text) ?? this.#named(prefix, text) ?? EVERYWHERE_BY_TEXT.get(text);
    if (row === undefined) this.#desired.delete(text);
    else this.#put(row);
  }

  #named(prefix: Prefix, text: string): IpcacheRow | undefined {
    const identity = this.#prefixes.get(text);
    if (identity === undefined || this.#ranges.of(prefix) !== undefined) return undefined;
    return { prefix, value: { identity, cidrIdentity: NONE, tunnel: null } };
  }

  #put(row: IpcacheRow): void {
    this.#desired.set(row.prefix.toString(), row);
  }
}
