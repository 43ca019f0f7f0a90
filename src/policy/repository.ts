import {
  CidrIdentities,
  RESERVED_IDENTITIES,
  SelectorCache,
  type SelectorDelta,
  type SelectorKey,
} from '../identity/index.ts';
import {
  type Identity,
  type IdentityId,
  identityNamedPorts,
  type PodIdentity,
  type PolicyEntry,
  type PolicyTable,
  type PolicyTableRow,
  type RuleOrigin,
  workloadKey,
} from '../model/index.ts';
import type { Prefix } from '../net/index.ts';
import { type CompileInput, compileTable } from './compile.ts';
import { policyErrors } from './errors.ts';
import { bind, entryPrefixes, type Installed, install, uninstall } from './installed.ts';
import { precedenceOf } from './precedence.ts';
import { RuleTable } from './rules.ts';
import { type PolicySettings, policySettingsSchema } from './settings.ts';

export type RepositoryOptions = Readonly<Partial<PolicySettings>> & {
  readonly rules?: RuleTable;
  /** The identities of prefixes; the repository keeps the users counted and is the only one to do so. */
  readonly cidrs?: CidrIdentities;
};

/** What was handed out for a subject and what has happened to it since. */
type Handed = {
  table: PolicyTable;
  /** Rows handed out after the table; part of it from now on. */
  added: PolicyTableRow[];
  /** Peers that joined; all that changed while `stale` is false. */
  readonly joined: Set<IdentityId>;
  stale: boolean;
};

/** All policies and identities of the node, and the table that follows from them for each pod identity. */
export class PolicyRepository {
  readonly rules: RuleTable;
  readonly cidrs: CidrIdentities;
  /** Frozen for the life of the repository; a change of settings takes a new one. */
  readonly settings: PolicySettings;
  readonly #cache = new SelectorCache();
  readonly #policies = new Map<string, readonly Installed[]>();
  readonly #bySubject = new Map<SelectorKey, Set<Installed>>();
  readonly #byPeer = new Map<SelectorKey, Set<Installed>>();
  readonly #labelKeys = new Map<string, number>();
  readonly #handed = new Map<IdentityId, Handed>();
  #dirty = new Set<IdentityId>();

  constructor(options: RepositoryOptions = {}) {
    this.rules = options.rules ?? new RuleTable();
    this.cidrs = options.cidrs ?? new CidrIdentities();
    const { enforcement, cidrSelects, allowLocalhost } = options;
    this.settings = policySettingsSchema.parse({ enforcement, cidrSelects, allowLocalhost });
    for (const identity of RESERVED_IDENTITIES) this.#cache.upsert(identity);
  }

  /**
   * Replaces the policy as a whole; its subjects before and after become dirty. When it cannot (E_IDENTITY_EXHAUSTED:
   * too many prefixes), everything stays as it was.
   */
  upsertPolicy(key: string, entries: readonly PolicyEntry[]): void {
    for (const entry of entries) precedenceOf(entry);
    this.#acquirePrefixes(entries);
    const installed = entries.map((entry) => install(entry, this.#cache, this.rules));
    this.#withdraw(key);
    this.#policies.set(key, installed);
    for (const item of installed) {
      file(this.#bySubject, item.subject, item);
      for (const peer of [...item.peers, ...item.named]) file(this.#byPeer, peer, item);
      this.#countLabelKeys(item.entry, 1);
      this.#outdate(this.#cache.members(item.subject));
    }
  }

  deletePolicy(key: string): void {
    this.#withdraw(key);
    this.#policies.delete(key);
  }

  /** A pod identity (a subject, and a peer) or a reserved one; prefixes are the repository's own business. */
  upsertIdentity(identity: Identity): void {
    const known = this.#cache.identity(identity.id);
    if (known !== undefined && sameIdentity(known, identity)) return;
    if (known !== undefined) this.removeIdentity(identity.id);
    this.#apply(this.#cache.upsert(identity));
    if (identity.kind === 'pod') this.#dirty.add(identity.id);
  }

  /** Removing what is not there changes nothing. */
  removeIdentity(id: IdentityId): void {
    this.#apply(this.#cache.remove(id));
    this.#handed.delete(id);
    this.#dirty.delete(id);
  }

  identity(id: IdentityId): Identity | undefined {
    return this.#cache.identity(id);
  }

  /** Subjects whose table may have changed since the last call. */
  drainDirty(): Set<IdentityId> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    return dirty;
  }

  /** E_POLICY_SUBJECT for an identity that is not known or no pod. Computed once until something changes. */
  tableFor(id: IdentityId): PolicyTable {
    const handed = this.#handed.get(id);
    if (handed !== undefined && !handed.stale) {
      this.additionsFor(id);
      if (handed.added.length > 0) handed.table = handed.table.concat(handed.added);
      handed.added = [];
      return handed.table;
    }
    const table = compileTable(this.compileInput(id));
    this.#handed.set(id, { table, added: [], joined: new Set(), stale: false });
    return table;
  }

  /**
   * The rows to add to the table that was handed out last, longest prefixes first, when identities that joined are all
   * that changed since; undefined = take the whole of `tableFor`. They count as handed out.
   */
  additionsFor(id: IdentityId): PolicyTableRow[] | undefined {
    const handed = this.#handed.get(id);
    if (handed === undefined || handed.stale) return undefined;
    if (handed.joined.size === 0) return [];
    const rows = compileTable(this.compileInput(id), handed.joined);
    handed.added = handed.added.concat(rows);
    handed.joined.clear();
    return rows;
  }

  /** What the subject's table is compiled from. */
  compileInput(id: IdentityId): CompileInput {
    const subject = this.#subject(id);
    return {
      namedPorts: subject.workload.namedPorts,
      namedPortsOf: (peer) => identityNamedPorts(this.#cache.identity(peer)),
      entries: this.#selecting(id).map((item) => bind(item, this.#cache)),
      enforcement: this.settings.enforcement,
      allowLocalhost: this.settings.allowLocalhost,
    };
  }

  /** The entries that select the subject, for `explain`. */
  entriesFor(id: IdentityId): PolicyEntry[] {
    return this.#selecting(id).map(({ entry }) => entry);
  }

  /** The objects that select the subject. */
  policiesFor(id: IdentityId): RuleOrigin[] {
    return this.entriesFor(id).map(({ origin }) => origin);
  }

  /** All prefixes that policies name, with how often: the ipcache needs an entry for each (`cidrs` has the numbers). */
  prefixes(): ReadonlyMap<string, number> {
    return this.cidrs.counts();
  }

  /** Keys that some policy selects pods by; the label filter must keep them. */
  selectedLabelKeys(): ReadonlySet<string> {
    return new Set(this.#labelKeys.keys());
  }

  get policyCount(): number {
    return this.#policies.size;
  }

  #subject(id: IdentityId): PodIdentity {
    const identity = this.#cache.identity(id);
    if (identity?.kind !== 'pod') {
      throw policyErrors.make('E_POLICY_SUBJECT', { detail: `identity ${id} is ${identity?.kind ?? 'not known'}` });
    }
    return identity;
  }

  #selecting(id: IdentityId): Installed[] {
    return Array.from(this.#cache.selectorsOf(id)).flatMap((key) => [...(this.#bySubject.get(key) ?? [])]);
  }

  #withdraw(key: string): void {
    const installed = this.#policies.get(key) ?? [];
    for (const item of installed) {
      this.#outdate(this.#cache.members(item.subject));
      unfile(this.#bySubject, item.subject, item);
      for (const peer of [...item.peers, ...item.named]) unfile(this.#byPeer, peer, item);
      this.#countLabelKeys(item.entry, -1);
      uninstall(item, this.#cache);
    }
    this.#releasePrefixes(installed.flatMap(({ entry }) => entryPrefixes(entry)));
  }

  #outdate(subjects: Iterable<IdentityId>): void {
    for (const id of subjects) {
      this.#dirty.add(id);
      const handed = this.#handed.get(id);
      if (handed !== undefined) handed.stale = true;
    }
  }

  #apply(deltas: readonly SelectorDelta[]): void {
    for (const { selector, added, removed } of deltas) {
      for (const item of this.#byPeer.get(selector) ?? []) {
        const subjects = this.#cache.members(item.subject);
        if (removed.length > 0) this.#outdate(subjects);
        else for (const id of subjects) this.#join(id, added);
      }
    }
  }

  #join(subject: IdentityId, peers: readonly IdentityId[]): void {
    this.#dirty.add(subject);
    const joined = this.#handed.get(subject)?.joined;
    for (const peer of peers) joined?.add(peer);
  }

  #acquirePrefixes(entries: readonly PolicyEntry[]): void {
    const acquired: Prefix[] = [];
    try {
      for (const prefix of entries.flatMap(entryPrefixes)) {
        const { identity, created } = this.cidrs.acquire(prefix);
        acquired.push(prefix);
        if (created) this.#apply(this.#cache.upsert(identity));
      }
    } catch (error) {
      this.#releasePrefixes(acquired);
      throw error;
    }
  }

  #releasePrefixes(prefixes: readonly Prefix[]): void {
    for (const prefix of prefixes) {
      const gone = this.cidrs.release(prefix);
      if (gone !== undefined) this.#apply(this.#cache.remove(gone.id));
    }
  }

  #countLabelKeys(entry: PolicyEntry, change: number): void {
    const selectors = [entry.subject, ...(entry.peers === 'any' ? [] : entry.peers)];
    for (const selector of selectors) {
      if (selector.kind !== 'pods') continue;
      for (const { key } of selector.pods.requirements) {
        const count = (this.#labelKeys.get(key) ?? 0) + change;
        if (count === 0) this.#labelKeys.delete(key);
        else this.#labelKeys.set(key, count);
      }
    }
  }
}

function sameIdentity(a: Identity, b: Identity): boolean {
  if (a.kind === 'pod' && b.kind === 'pod') return a === b || workloadKey(a.workload) === workloadKey(b.workload);
  if (a.kind === 'cidr' && b.kind === 'cidr') return a.prefix.equals(b.prefix);
  return a.kind === 'reserved' && b.kind === 'reserved' && a.name === b.name;
}

function file(index: Map<SelectorKey, Set<Installed>>, key: SelectorKey, item: Installed): void {
  const filed = index.get(key);
  if (filed === undefined) index.set(key, new Set([item]));
  else filed.add(item);
}

function unfile(index: Map<SelectorKey, Set<Installed>>, key: SelectorKey, item: Installed): void {
  const filed = index.get(key);
  filed?.delete(item);
  if (filed?.size === 0) index.delete(key);
}
