import type { IpcacheValue } from '../datapath/index.ts';
import type { CidrIdentities } from '../identity/index.ts';
import { type IdentityId, identityId } from '../model/index.ts';
import { type Addr, Prefix } from '../net/index.ts';

/** Pods and nodes are also judged by prefix only where the configuration says so. */
export type AddressKind = 'pod' | 'node';

type Claim = { readonly kind: AddressKind; readonly identity: IdentityId };

const NONE = identityId(0);

/**
 * Who is behind the addresses that are not local pods: desired rows of the ipcache. An owner (a pod or a node) claims
 * addresses; a node's claim beats a pod's, of two pods the later one wins, because the earlier is on its way out.
 */
export class AddressBook {
  readonly #cidrs: CidrIdentities;
  readonly #cidrSelects: ReadonlySet<AddressKind>;
  readonly #claims = new Map<Addr, Map<string, Claim>>();
  readonly #owned = new Map<string, readonly Addr[]>();
  readonly #desired = new Map<string, { readonly prefix: Prefix; readonly value: IpcacheValue }>();
  #prefixes = new Map<string, Prefix>();
  #dirty = new Set<Addr>();

  constructor(cidrs: CidrIdentities, cidrSelects: readonly ('pods' | 'nodes')[]) {
    this.#cidrs = cidrs;
    this.#cidrSelects = new Set(cidrSelects.map((kind) => (kind === 'pods' ? 'pod' : 'node')));
  }

  /** Addresses with an owner. */
  get size(): number {
    return this.#claims.size;
  }

  /** Replaces all claims of an owner; an empty list gives them up. */
  claim(owner: string, addrs: readonly Addr[], claim?: Claim): void {
    for (const addr of this.#owned.get(owner) ?? []) {
      this.#claims.get(addr)?.delete(owner);
      this.#dirty.add(addr);
    }
    if (addrs.length === 0 || claim === undefined) {
      this.#owned.delete(owner);
      return;
    }
    this.#owned.set(owner, addrs);
    for (const addr of addrs) {
      const claims = this.#claims.get(addr) ?? new Map<string, Claim>();
      claims.set(owner, claim);
      this.#claims.set(addr, claims);
      this.#dirty.add(addr);
    }
  }

  /** The owner of an address and its identity, as the ipcache states it. */
  ownerOf(addr: Addr): { readonly owner: string; readonly identity: IdentityId } | undefined {
    let best: { owner: string; identity: IdentityId; kind: AddressKind } | undefined;
    for (const [owner, claim] of this.#claims.get(addr) ?? []) {
      if (best === undefined || best.kind === 'pod' || claim.kind === 'node') best = { owner, ...claim };
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
    let changed = false;
    for (const text of this.#prefixes.keys()) {
      if (now.has(text)) continue;
      changed = true;
      this.#desired.delete(text);
    }
    for (const [text, { prefix, id }] of now) {
      if (this.#desired.get(text)?.value.identity === id) continue;
      changed = true;
      this.#desired.set(text, { prefix, value: { identity: id, cidrIdentity: NONE } });
    }
    this.#prefixes = new Map(Array.from(now, ([text, { prefix }]) => [text, prefix]));
    if (changed) for (const addr of this.#claims.keys()) this.#dirty.add(addr);
    return changed;
  }

  /** All rows that the ipcache should have, by prefix in canonical text. */
  desired(): ReadonlyMap<string, { readonly prefix: Prefix; readonly value: IpcacheValue }> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const addr of dirty) this.#refresh(addr);
    return this.#desired;
  }

  #refresh(addr: Addr): void {
    const prefix = Prefix.host(addr);
    const text = prefix.toString();
    const owner = this.ownerOf(addr);
    const kind = [...(this.#claims.get(addr)?.values() ?? [])].some((claim) => claim.kind === 'node') ? 'node' : 'pod';
    if (this.#claims.get(addr)?.size === 0) this.#claims.delete(addr);
    if (owner !== undefined) {
      const value = { identity: owner.identity, cidrIdentity: this.cidrIdentityOf(kind, addr) };
      this.#desired.set(text, { prefix, value });
      return;
    }
    const cidr = this.#cidrs.get(prefix);
    if (cidr === undefined) this.#desired.delete(text);
    else this.#desired.set(text, { prefix, value: { identity: cidr.id, cidrIdentity: NONE } });
  }
}
