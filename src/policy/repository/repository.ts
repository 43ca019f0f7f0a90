import { finish } from '../../base/index.ts';
import {
  CidrIdentities,
  RESERVED_IDENTITIES,
  SelectorCache,
  type SelectorDelta,
  type SelectorKey,
} from '../../identity/index.ts';
import {
  DIRECTIONS,
  type Direction,
  type Identity,
  type IdentityId,
  identityNamedPorts,
  type PodIdentity,
  type PolicyEntry,
  type PolicyKey,
  policyKey,
  type RuleOrigin,
  workloadKey,
} from '../../model/index.ts';
import type { Prefix } from '../../net/index.ts';
import type { ReadonlyTable } from '../../table/index.ts';
import {
  type BoundEntry,
  type CompiledTable,
  type CompileInput,
  compileTable,
  precedenceOf,
} from '../compile/index.ts';
import { policyErrors } from '../errors.ts';
import { type PolicySettings, policySettingsSchema } from '../settings.ts';
import { bind, entryPrefixes, type Installed, install, peerSelectors, uninstall } from './installed.ts';
import { RuleSet, type RuleSetPlace, ruleSetKey, ruleSetPlace } from './rule-set.ts';
import { RuleTable } from './rules.ts';
import { type SelectedLabel, SelectedLabels } from './selected-labels.ts';

export type RepositoryOptions = Readonly<Partial<PolicySettings>> & {
  readonly rules?: RuleTable;
  /** The identities of prefixes; the repository keeps the users counted and is the only one to do so. */
  readonly cidrs?: CidrIdentities;
  /** Labels that identities tell of whether policies select by them or not. Default: none. */
  readonly isToldAnyway?: (key: string) => boolean;
};

export type RuleSets = Readonly<Record<Direction, RuleSet>>;

/**
 * All policies and identities of the node, and the rule sets that follow from them for each pod identity. What a rule
 * set that is still held is made of stays registered after its policy has gone, so that the table in force follows its
 * peers until another takes its place.
 */
export class PolicyRepository {
  readonly rules: RuleTable;
  readonly cidrs: CidrIdentities;
  /** Frozen for the life of the repository; a change of settings takes a new one. */
  readonly settings: PolicySettings;
  readonly #cache = new SelectorCache();
  readonly #policies = new Map<PolicyKey, readonly Installed[]>();
  readonly #bySubject = new Map<SelectorKey, Set<Installed>>();
  readonly #byPeer = new Map<SelectorKey, Set<RuleSet>>();
  readonly #selected: SelectedLabels;
  readonly #sets = new Map<string, RuleSet>();
  /** Held for whoever asked, until they change or are forgotten. */
  readonly #asked = new Map<IdentityId, RuleSets>();
  readonly #tables = new WeakMap<RuleSet, CompiledTable>();
  readonly #apiServers = new Map<string, Prefix>();
  #dirty = new Set<IdentityId>();
  #changed = new Set<RuleSet>();
  #serial = 0;

  constructor(options: RepositoryOptions = {}) {
    this.rules = options.rules ?? new RuleTable();
    this.cidrs = options.cidrs ?? new CidrIdentities();
    this.#selected = new SelectedLabels(options.isToldAnyway ?? (() => false));
    const { enforcement, cidrSelects, allowLocalhost } = options;
    this.settings = policySettingsSchema.parse({ enforcement, cidrSelects, allowLocalhost });
    for (const identity of RESERVED_IDENTITIES) this.#cache.upsert(identity);
  }

  /**
   * Replaces the policy as a whole; its subjects before and after become dirty. When it cannot (E_IDENTITY_EXHAUSTED:
   * too many prefixes), everything stays as it was.
   */
  upsertPolicy(key: PolicyKey, entries: readonly PolicyEntry[]): void {
    for (const entry of entries) precedenceOf(entry);
    this.#acquirePrefixes(entries);
    const installed = entries.map((entry) => {
      this.#serial += 1;
      return install(entry, this.#serial, this.#cache, this.rules);
    });
    this.#withdraw(key);
    this.#policies.set(key, installed);
    for (const item of installed) {
      file(this.#bySubject, item.subject, item);
      this.#selected.count(item.entry, 1);
      this.#outdate(this.#cache.membersAt(item.subject));
    }
  }

  deletePolicy(key: PolicyKey): void {
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
    this.forget(id);
    this.#dirty.delete(id);
  }

  /**
   * Addresses outside at which API servers answer: each has an identity of its own, whether policies name it or not, and
   * is what its prefix is besides. E_IDENTITY_EXHAUSTED: those before it in the list are.
   */
  setApiServers(prefixes: readonly Prefix[]): void {
    const wanted = new Map(prefixes.map((prefix) => [prefix.toString(), prefix]));
    for (const [text, prefix] of this.#apiServers) {
      if (wanted.has(text)) continue;
      this.#apiServers.delete(text);
      this.#apply(this.#cache.upsert(this.cidrs.mark(prefix, false)));
      this.#releasePrefixes([prefix]);
    }
    for (const [text, prefix] of wanted) {
      if (this.#apiServers.has(text)) continue;
      this.cidrs.acquire(prefix);
      this.#apiServers.set(text, prefix);
      this.#apply(this.#cache.upsert(this.cidrs.mark(prefix, true)));
    }
  }

  identity(id: IdentityId): Identity | undefined {
    return this.#cache.identity(id);
  }

  /** Subjects whose rule sets may be others than at the last call. */
  drainDirty(): Set<IdentityId> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    return dirty;
  }

  /** Rule sets whose peers changed since the last call; which ones says `RuleSet.changed`. */
  drainChanged(): Set<RuleSet> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /**
   * What holds for the subject, held until `forget` or until it changes. E_POLICY_SUBJECT for an identity that is not
   * known or no pod.
   */
  rulesOf(id: IdentityId): RuleSets {
    const known = this.#asked.get(id);
    if (known !== undefined) return known;
    const subject = this.#subject(id);
    const selecting = this.#selecting(id);
    const of = (direction: Direction): RuleSet => {
      const place = ruleSetPlace(direction, selecting, subject.workload.namedPorts);
      const set = this.#sets.get(ruleSetKey(place)) ?? this.#open(place);
      this.hold(set);
      return set;
    };
    const sets = { ingress: of('ingress'), egress: of('egress') };
    this.#asked.set(id, sets);
    return sets;
  }

  /** Nobody asks for this subject any more. */
  forget(id: IdentityId): void {
    const sets = this.#asked.get(id);
    this.#asked.delete(id);
    for (const direction of DIRECTIONS) if (sets !== undefined) this.release(sets[direction]);
  }

  hold(set: RuleSet): void {
    set.holders += 1;
  }

  /** With the last holder the set is gone, and with it what only it was still made of. */
  release(set: RuleSet): void {
    set.holders -= 1;
    if (set.holders > 0) return;
    this.#sets.delete(set.key);
    this.#changed.delete(set);
    for (const key of set.peers) {
      unfile(this.#byPeer, key, set);
      this.#cache.release(key);
    }
    for (const item of set.items) this.#leave(item);
  }

  /** `without`: policies that only isolate here, and admit nobody. */
  compileInput(set: RuleSet, without: ReadonlySet<PolicyKey> = new Set()): CompileInput {
    const entries = set.items.map((item): BoundEntry => {
      const bound = bind(item, this.#cache);
      if (!without.has(policyKey(item.entry.origin))) return bound;
      return { ...bound, entry: { ...bound.entry, peers: [] }, peers: [], named: [] };
    });
    return {
      direction: set.direction,
      namedPorts: set.namedPorts,
      namedPortsOf: (peer) => identityNamedPorts(this.#cache.identity(peer)),
      entries,
      enforcement: this.settings.enforcement,
      allowLocalhost: this.settings.allowLocalhost,
    };
  }

  /** How many peers and ports each policy names here: for order and for what goes first when it is too much. */
  weights(set: RuleSet): Map<PolicyKey, number> {
    const weights = new Map<PolicyKey, number>();
    for (const item of set.items) {
      const { entry, peers, named } = bind(item, this.#cache);
      const members = [...peers, ...named].reduce((sum, { size }) => sum + size, 1);
      const ports = entry.ports === 'any' ? 1 : entry.ports.length;
      const key = policyKey(entry.origin);
      weights.set(key, (weights.get(key) ?? 0) + members + ports);
    }
    return weights;
  }

  /** The whole tables of a subject, kept up with its peers. Without bounds: for who compares and measures. */
  tablesFor(id: IdentityId): Readonly<Record<Direction, CompiledTable>> {
    const { ingress, egress } = this.rulesOf(id);
    return { ingress: this.#tableOf(ingress), egress: this.#tableOf(egress) };
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

  /** Labels that policies select pods by, but for those that identities tell of anyway: theirs must tell of them. */
  get selectedLabels(): ReadonlyTable<SelectedLabel> {
    return this.#selected.rows;
  }

  /** Labels that pods are selected by though no policy says so; in place of those that were said before. */
  selectBesides(labels: readonly SelectedLabel[]): void {
    this.#selected.besides(labels);
  }

  has(key: PolicyKey): boolean {
    return this.#policies.has(key);
  }

  get policyCount(): number {
    return this.#policies.size;
  }

  /** What is kept for all policies and subjects together: must not grow with what has gone. */
  get held(): Readonly<Record<'sets' | 'selectors' | 'rules' | 'prefixes', number>> {
    const { rules, cidrs } = this;
    return { sets: this.#sets.size, selectors: this.#cache.selectors, rules: rules.size, prefixes: cidrs.size };
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

  #open(place: RuleSetPlace): RuleSet {
    const set = new RuleSet(place, this.settings);
    this.#sets.set(set.key, set);
    for (const item of set.items) item.users += 1;
    set.peers = set.items.flatMap(peerSelectors).map((selector) => this.#cache.acquire(selector));
    for (const key of set.peers) file(this.#byPeer, key, set);
    return set;
  }

  #tableOf(set: RuleSet): CompiledTable {
    const known = this.#tables.get(set);
    if (known !== undefined) {
      finish(known.regroup(set.changed));
      set.changed.clear();
      return known;
    }
    const table = compileTable(this.compileInput(set));
    set.changed.clear();
    this.#tables.set(set, table);
    return table;
  }

  #withdraw(key: PolicyKey): void {
    for (const item of this.#policies.get(key) ?? []) {
      this.#outdate(this.#cache.membersAt(item.subject));
      unfile(this.#bySubject, item.subject, item);
      this.#leave(item);
    }
  }

  /** One user of the entry less. */
  #leave(item: Installed): void {
    item.users -= 1;
    if (item.users > 0) return;
    this.#selected.count(item.entry, -1);
    uninstall(item, this.#cache, this.rules);
    this.#releasePrefixes(entryPrefixes(item.entry));
  }

  #outdate(subjects: Iterable<IdentityId>): void {
    for (const id of subjects) {
      this.#dirty.add(id);
      this.forget(id);
    }
  }

  #apply(deltas: readonly SelectorDelta[]): void {
    for (const { selector, added, removed } of deltas) {
      for (const set of this.#byPeer.get(selector) ?? []) {
        for (const peer of added) set.changed.add(peer);
        for (const peer of removed) set.changed.add(peer);
        this.#changed.add(set);
      }
    }
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
}

function sameIdentity(a: Identity, b: Identity): boolean {
  if (a.kind === 'pod' && b.kind === 'pod') return a === b || workloadKey(a.workload) === workloadKey(b.workload);
  if (a.kind === 'cidr' && b.kind === 'cidr') return a.prefix.equals(b.prefix) && a.isApiServer === b.isApiServer;
  return a.kind === 'reserved' && b.kind === 'reserved' && a.name === b.name;
}

function file<K, V>(index: Map<K, Set<V>>, key: K, item: V): void {
  const filed = index.get(key);
  if (filed === undefined) index.set(key, new Set([item]));
  else filed.add(item);
}

function unfile<K, V>(index: Map<K, Set<V>>, key: K, item: V): void {
  const filed = index.get(key);
  filed?.delete(item);
  if (filed?.size === 0) index.delete(key);
}
