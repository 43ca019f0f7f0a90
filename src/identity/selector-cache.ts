import type { Identity, IdentityId, PrefixSelector } from '../model/index.ts';
import type { Prefix } from '../net/index.ts';
import { type Anchor, identityAnchors, selectorAnchors } from './anchors.ts';
import { identityErrors } from './errors.ts';
import { type Members, PrefixMembers } from './members.ts';
import { PrefixIndex } from './prefix-index.ts';
import { type IdentitySelector, type SelectorKey, selectorKey, selects } from './select.ts';

/** How one selector's members changed. */
export type SelectorDelta = {
  readonly selector: SelectorKey;
  readonly added: readonly IdentityId[];
  readonly removed: readonly IdentityId[];
};

type Registered = {
  readonly key: SelectorKey;
  readonly selector: IdentitySelector;
  /** The one anchor it is filed under. */
  readonly anchor: Anchor;
  readonly members: Set<IdentityId>;
  users: number;
};

type RegisteredPrefix = { readonly key: SelectorKey; readonly prefix: Prefix; users: number };

const NONE: ReadonlySet<never> = new Set<never>();

/**
 * Which identities each selector in use selects, kept up to date as identities come and go. A prefix is one selector
 * whatever is excepted from it, and its members are looked up, not kept: see `PrefixMembers`.
 */
export class SelectorCache {
  readonly #selectors = new Map<SelectorKey, Registered>();
  readonly #identities = new Map<IdentityId, Identity>();
  readonly #selectorsOf = new Map<IdentityId, Set<SelectorKey>>();
  readonly #identitiesAt = new Map<Anchor, Set<Identity>>();
  readonly #selectorsAt = new Map<Anchor, Set<Registered>>();
  readonly #prefixes = new Map<SelectorKey, RegisteredPrefix>();
  readonly #prefixKeys = new PrefixIndex<SelectorKey>();
  readonly #cidrs = new PrefixIndex<IdentityId>();

  /** Registers a use of the selector. */
  acquire(selector: IdentitySelector): SelectorKey {
    const key = selectorKey(selector);
    if (selector.kind === 'prefix') {
      const known = this.#prefixes.get(key) ?? { key, prefix: selector.prefix, users: 0 };
      if (known.users === 0) {
        this.#prefixes.set(key, known);
        this.#prefixKeys.set(selector.prefix, key);
      }
      known.users += 1;
      return key;
    }
    const registered = this.#selectors.get(key) ?? this.#register(selector, key);
    registered.users += 1;
    return key;
  }

  /** One use less; with the last one the selector is forgotten. */
  release(key: SelectorKey): void {
    const prefix = this.#prefixes.get(key);
    if (prefix !== undefined) {
      prefix.users -= 1;
      if (prefix.users > 0) return;
      this.#prefixes.delete(key);
      this.#prefixKeys.delete(prefix.prefix);
      return;
    }
    const registered = this.#selectors.get(key);
    if (registered === undefined)
      throw identityErrors.make('E_IDENTITY_UNKNOWN', { detail: `release of selector ${key}` });
    registered.users -= 1;
    if (registered.users > 0) return;
    this.#selectors.delete(key);
    drop(this.#selectorsAt, registered.anchor, registered);
    for (const id of registered.members) this.#selectorsOf.get(id)?.delete(key);
  }

  /** Nobody for a selector that is not registered, never everybody. */
  members(selector: IdentitySelector): Members {
    const key = selectorKey(selector);
    if (selector.kind !== 'prefix') return this.membersAt(key);
    if (!this.#prefixes.has(key)) return NONE;
    const prefixOf = (id: IdentityId): Prefix | undefined => {
      const identity = this.#identities.get(id);
      return identity?.kind === 'cidr' ? identity.prefix : undefined;
    };
    return new PrefixMembers(selector, this.#cidrs, prefixOf);
  }

  /** The same for a selector that is no prefix, by its key. */
  membersAt(key: SelectorKey): ReadonlySet<IdentityId> {
    return this.#selectors.get(key)?.members ?? NONE;
  }

  /** Selectors of other kinds than prefixes. */
  selectorsOf(id: IdentityId): ReadonlySet<SelectorKey> {
    return this.#selectorsOf.get(id) ?? NONE;
  }

  identity(id: IdentityId): Identity | undefined {
    return this.#identities.get(id);
  }

  get size(): number {
    return this.#identities.size;
  }

  /** Selectors that somebody has acquired. */
  get selectors(): number {
    return this.#selectors.size + this.#prefixes.size;
  }

  /** Adds an identity. One that is there already is replaced; a number means one thing at a time. */
  upsert(identity: Identity): SelectorDelta[] {
    const before = this.#forget(identity.id);
    const after = this.#admit(identity);
    return deltas(identity.id, before, after);
  }

  /** Removing what is not there changes nothing. */
  remove(id: IdentityId): SelectorDelta[] {
    return deltas(id, this.#forget(id), NONE);
  }

  #admit(identity: Identity): ReadonlySet<SelectorKey> {
    this.#identities.set(identity.id, identity);
    const selectors = new Set<SelectorKey>();
    for (const anchor of identityAnchors(identity)) {
      file(this.#identitiesAt, anchor, identity);
      for (const { key, selector, members } of this.#selectorsAt.get(anchor) ?? NONE) {
        if (!selects(selector, identity)) continue;
        members.add(identity.id);
        selectors.add(key);
      }
    }
    this.#selectorsOf.set(identity.id, selectors);
    if (identity.kind !== 'cidr') return selectors;
    this.#cidrs.set(identity.prefix, identity.id);
    return new Set([...selectors, ...this.#prefixKeys.covering(identity.prefix)]);
  }

  #forget(id: IdentityId): ReadonlySet<SelectorKey> {
    const identity = this.#identities.get(id);
    if (identity === undefined) return NONE;
    const selectors = this.selectorsOf(id);
    for (const key of selectors) this.#selectors.get(key)?.members.delete(id);
    for (const anchor of identityAnchors(identity)) drop(this.#identitiesAt, anchor, identity);
    this.#identities.delete(id);
    this.#selectorsOf.delete(id);
    if (identity.kind !== 'cidr') return selectors;
    this.#cidrs.delete(identity.prefix);
    return new Set([...selectors, ...this.#prefixKeys.covering(identity.prefix)]);
  }

  #register(selector: Exclude<IdentitySelector, PrefixSelector>, key: SelectorKey): Registered {
    const anchor = this.#narrowest(selectorAnchors(selector));
    const members = new Set<IdentityId>();
    for (const identity of this.#identitiesAt.get(anchor) ?? NONE) {
      if (!selects(selector, identity)) continue;
      members.add(identity.id);
      this.#selectorsOf.get(identity.id)?.add(key);
    }
    const registered: Registered = { key, selector, anchor, members, users: 0 };
    this.#selectors.set(key, registered);
    file(this.#selectorsAt, anchor, registered);
    return registered;
  }

  #narrowest([first, ...others]: [Anchor, ...Anchor[]]): Anchor {
    const size = (anchor: Anchor) => this.#identitiesAt.get(anchor)?.size ?? 0;
    return others.reduce((best, anchor) => (size(anchor) <= size(best) ? anchor : best), first);
  }
}

function deltas(id: IdentityId, before: ReadonlySet<SelectorKey>, after: ReadonlySet<SelectorKey>): SelectorDelta[] {
  const left = [...before].filter((selector) => !after.has(selector));
  const joined = [...after].filter((selector) => !before.has(selector));
  return [
    ...left.map((selector): SelectorDelta => ({ selector, added: [], removed: [id] })),
    ...joined.map((selector): SelectorDelta => ({ selector, added: [id], removed: [] })),
  ];
}

function file<T>(index: Map<Anchor, Set<T>>, anchor: Anchor, item: T): void {
  const filed = index.get(anchor);
  if (filed === undefined) index.set(anchor, new Set([item]));
  else filed.add(item);
}

function drop<T>(index: Map<Anchor, Set<T>>, anchor: Anchor, item: T): void {
  const filed = index.get(anchor);
  filed?.delete(item);
  if (filed?.size === 0) index.delete(anchor);
}
