import { finish, type Steps } from '../../base/index.ts';
import { RESERVED_IDS } from '../../identity/index.ts';
import {
  DEFAULT_RULE,
  groupText,
  type IdentityId,
  type PolicyRow,
  type PolicyTable,
  type PolicyTableValue,
} from '../../model/index.ts';
import { policyErrors } from '../errors.ts';
import type { AllowLocalhost, Enforcement } from '../settings.ts';
import { type BoundEntry, EntryClaims, type PortNames } from './claims.ts';
import { byPrecedence, type Claim, flatten, type Surface } from './flatten.ts';
import { type ClaimList, claimsOf, PeerClaims } from './peer-claims.ts';
import { DEFAULT_PRECEDENCE, LOCALHOST_PRECEDENCE, TIERS } from './precedence.ts';
import { surfaceRows } from './rows.ts';

export type CompileInput = PortNames & {
  /** Of the direction that the table is for. */
  readonly entries: readonly BoundEntry[];
  readonly enforcement: Enforcement;
  readonly allowLocalhost: AllowLocalhost;
};

export type CompileLimits = {
  /** Rows and peers. */
  readonly rows: number;
};

const UNLIMITED: CompileLimits = { rows: Number.POSITIVE_INFINITY };

/** Claims looked at for each row that a table may have: beyond that a table is refused like one with too many rows. */
const WORK_PER_ROW = 64;
/** Claims between two yields: far less than a millisecond. */
const SLICE = 500;

export const DEFAULT_ALLOW: PolicyTableValue = {
  verdict: 'allow',
  precedence: DEFAULT_PRECEDENCE,
  rule: DEFAULT_RULE,
};
export const LOCALHOST_ALLOW: PolicyTableValue = {
  verdict: 'allow',
  precedence: LOCALHOST_PRECEDENCE,
  rule: DEFAULT_RULE,
};

const ofDefault = (value: PolicyTableValue): Claim => ({
  precedence: value.precedence,
  tier: TIERS.length,
  value,
  ports: undefined,
});

export function isIsolated(entries: readonly Pick<BoundEntry, 'entry'>[], enforcement: Enforcement): boolean {
  if (enforcement !== 'default') return enforcement === 'always';
  return entries.some(({ entry }) => entry.isolates);
}

/** The whole table at once. E_POLICY_TOO_LARGE. */
export function compileTable(input: CompileInput, limits: CompileLimits = UNLIMITED): CompiledTable {
  const table = new CompiledTable(input);
  finish(table.build(limits));
  return table;
}

/**
 * The table of one direction, complete after `build`; from then on `regroup` follows peers that join or leave. Rows of a
 * group already contain what "any" says (model/policy-table.ts).
 *
 * An identity of a prefix also stands for pods and nodes inside it when CIDRs select those, and then its rows are
 * looked up beside the pod's own. That is exact for claims that each decide; a `pass` on one of the two look-ups and an
 * admin verdict on the other, or the entity `world`, would need rows for the pair.
 */
export class CompiledTable implements PolicyTable {
  readonly groups: PolicyRow[][] = [];
  readonly peers = new Map<IdentityId, number>();
  readonly #entries: readonly EntryClaims[];
  readonly #everybody: readonly Claim[];
  #common: Surface | undefined;
  /** The node itself, where it may always come in. */
  readonly #localhost: Claim | undefined;
  readonly #onlyAllows: boolean;
  readonly #claims = new PeerClaims();
  readonly #numbers = new Map<string, number>();
  #rows = 0;
  #work = 0;

  constructor(input: CompileInput) {
    const { entries, enforcement, allowLocalhost, direction } = input;
    const isolated = isIsolated(entries, enforcement);
    const spoken = enforcement === 'never' ? [] : entries;
    this.#entries = spoken
      .filter(({ entry }) => !isolated || entry.tier !== 'baseline')
      .map((bound) => new EntryClaims(bound, input));
    const everybody = this.#entries.flatMap((entry) => entry.everybody ?? []);
    if (!isolated) everybody.push(ofDefault(DEFAULT_ALLOW));
    this.#everybody = everybody.sort(byPrecedence);
    const local = isolated && direction === 'ingress' && allowLocalhost === 'always';
    this.#localhost = local ? ofDefault(LOCALHOST_ALLOW) : undefined;
    this.#onlyAllows = spoken.every(({ entry }) => entry.verdict === 'allow');
  }

  /** Rows and peers: what the table takes of the maps. */
  get size(): number {
    return this.#rows + this.peers.size;
  }

  get rows(): number {
    return this.#rows;
  }

  get selective(): boolean {
    return this.#localhost !== undefined || this.#entries.some(({ sets }) => sets.length > 0);
  }

  /** Yields often, for whoever has others to serve. Peers that join or leave meanwhile are `regroup`'s. E_POLICY_TOO_LARGE. */
  *build(limits: CompileLimits): Steps<void> {
    this.#work += portsOf(this.#everybody);
    this.#check(limits);
    this.#common = yield* flatten(this.#everybody);
    this.#number(yield* surfaceRows(this.#common));
    let yielded = 0;
    const due = (): boolean => {
      this.#check(limits);
      if (this.#work - yielded < SLICE) return false;
      yielded = this.#work;
      return true;
    };
    for (const entry of this.#entries) {
      for (const set of entry.sets) {
        for (const peer of set) {
          this.#work += 1;
          const claim = entry.about(peer);
          if (claim !== undefined) this.#claims.add(peer, claim);
          if (due()) yield;
        }
      }
    }
    if (this.#localhost !== undefined) this.#claims.add(RESERVED_IDS.host, this.#localhost);
    for (const [peer, list] of this.#claims.entries()) {
      const known = list.group;
      const group = known ?? (yield* this.#groupOf(list));
      if (group !== 0) this.peers.set(peer, group);
      if (due() || known === undefined) yield;
    }
    this.#claims.forgetPeers();
    this.#check(limits);
  }

  /** The groups of these peers now, 0 = none; part of the table from then on. Yields like `build`. */
  *regroup(peers: Iterable<IdentityId>): Steps<Map<IdentityId, number>> {
    const groups = new Map<IdentityId, number>();
    for (const peer of peers) {
      const list = this.#listOf(peer);
      const group = list.group ?? (yield* this.#groupOf(list));
      groups.set(peer, group);
      if (group === 0) this.peers.delete(peer);
      else this.peers.set(peer, group);
    }
    return groups;
  }

  /** Takes over the numbers of groups of a table that says the same; false when it does not. */
  renumber(other: PolicyTable): boolean {
    if (other.peers.size !== this.peers.size || groupText(other.groups[0] ?? []) !== groupText(this.groups[0] ?? [])) {
      return false;
    }
    const texts = other.groups.map(groupText);
    const numbers = new Map<number, number>([[0, 0]]);
    for (const [peer, group] of this.peers) {
      const theirs = other.peers.get(peer);
      if (theirs === undefined || groupText(this.groups[group] ?? []) !== texts[theirs]) return false;
      numbers.set(group, theirs);
    }
    this.groups.splice(0, this.groups.length, ...other.groups.map((rows) => [...rows]));
    for (const [peer, group] of other.peers) this.peers.set(peer, group);
    this.#rows = this.groups.reduce((sum, rows) => sum + rows.length, 0);
    this.#numbers.clear();
    for (const [number, text] of texts.entries()) if (number !== 0) this.#numbers.set(text, number);
    this.#claims.regroup(numbers);
    return true;
  }

  #listOf(peer: IdentityId): ClaimList {
    let list = this.#claims.root;
    for (const entry of this.#entries) {
      const claim = entry.concerns(peer) ? entry.about(peer) : undefined;
      if (claim !== undefined) list = this.#claims.step(list, claim);
    }
    const local = peer === RESERVED_IDS.host ? this.#localhost : undefined;
    return local === undefined ? list : this.#claims.step(list, local);
  }

  /** Of a list that has none yet: thousands of peers have one list, and a generator each would be most of their garbage. */
  *#groupOf(list: ClaimList): Steps<number> {
    const claims = [...this.#everybody, ...claimsOf(list)].sort(byPrecedence);
    this.#work += portsOf(claims);
    // Where nothing is denied, the node needs no second set of the rows that let everybody in.
    const alone = list.claim !== undefined && list.claim === this.#localhost && list.parent === this.#claims.root;
    const rows =
      alone && this.#onlyAllows
        ? yield* surfaceRows(yield* flatten([list.claim]))
        : yield* surfaceRows(yield* flatten(claims), this.#common);
    list.group = rows.length === 0 ? 0 : this.#number(rows);
    return list.group;
  }

  #number(rows: PolicyRow[]): number {
    const text = groupText(rows);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.groups.push(rows) - 1;
    this.#rows += rows.length;
    // Group 0 is for whoever has no group: another one with the same rows is one that differs from it nowhere.
    if (number !== 0) this.#numbers.set(text, number);
    return number;
  }

  #check({ rows }: CompileLimits): void {
    if (this.size <= rows && this.#work <= rows * WORK_PER_ROW) return;
    throw policyErrors.make('E_POLICY_TOO_LARGE', { detail: `more than ${rows} rows and peers in one direction` });
  }
}

/** What `flatten` has to look at. */
const portsOf = (claims: readonly Claim[]): number =>
  claims.reduce((sum, { ports }) => sum + 1 + (ports?.length ?? 0), 0);
