import { ANY_PEER, RESERVED_IDS } from '../identity/index.ts';
import type {
  Direction,
  IdentityId,
  NamedPort,
  PolicyEntry,
  PolicyTableRow,
  PolicyTableValue,
  RuleId,
} from '../model/index.ts';
import { protocolName } from '../net/index.ts';
import { byPrecedence, type Claim, flatten, type ProtocolPorts, type Surface } from './flatten.ts';
import { DEFAULT_PRECEDENCE, LOCALHOST_PRECEDENCE, precedenceOf, TIERS } from './precedence.ts';
import { type RowShape, surfaceRows, toRow } from './rows.ts';
import { DEFAULT_RULE } from './rules.ts';
import type { AllowLocalhost, Enforcement } from './settings.ts';

/** An entry that selects the subject, with its peers as identities. */
export type BoundEntry = {
  readonly entry: PolicyEntry;
  readonly rule: RuleId;
  /** The union of these sets; ignored when `entry.peers` is `any`. */
  readonly peers: readonly ReadonlySet<IdentityId>[];
  /** For egress to `any` peers by port name: the identities that have a port of one of the names. */
  readonly named: readonly ReadonlySet<IdentityId>[];
};

export type CompileInput = {
  /** The subject's own named ports: ingress. */
  readonly namedPorts: readonly NamedPort[];
  /** A peer's named ports: egress. */
  readonly namedPortsOf: (peer: IdentityId) => readonly NamedPort[];
  readonly entries: readonly BoundEntry[];
  readonly enforcement: Enforcement;
  readonly allowLocalhost: AllowLocalhost;
};

const DIRECTIONS: readonly Direction[] = ['ingress', 'egress'];

const DEFAULT_ALLOW: PolicyTableValue = { verdict: 'allow', precedence: DEFAULT_PRECEDENCE, rule: DEFAULT_RULE };
const LOCALHOST_ALLOW: PolicyTableValue = { verdict: 'allow', precedence: LOCALHOST_PRECEDENCE, rule: DEFAULT_RULE };

const ofDefault = (value: PolicyTableValue): Claim => ({
  precedence: value.precedence,
  tier: TIERS.length,
  value,
  ports: undefined,
});

/**
 * The table of one subject. Rows of a specific peer already contain what "any" says (model/policy-table.ts). With `only`
 * just the rows of these peers, and longest prefixes first: safe to add one by one to a live table.
 *
 * An identity of a prefix also stands for pods and nodes inside it when CIDRs select those, and then its rows are
 * looked up beside the pod's own. That is exact for claims that each decide; a `pass` on one of the two look-ups and an
 * admin verdict on the other, or the entity `world`, would need rows for the pair.
 */
export function compileTable(input: CompileInput, only?: ReadonlySet<IdentityId>): PolicyTableRow[] {
  const rows = DIRECTIONS.flatMap((direction) => compileDirection(input, direction, only));
  return only === undefined ? rows : rows.sort((a, b) => specificity(b) - specificity(a));
}

const specificity = ({ protocol, portBits }: PolicyTableRow): number => (protocol === 0 ? 0 : 1 + portBits);

export function isIsolated(entries: readonly BoundEntry[], direction: Direction, enforcement: Enforcement): boolean {
  if (enforcement !== 'default') return enforcement === 'always';
  return entries.some(({ entry }) => entry.isolates && entry.direction === direction);
}

function compileDirection(
  input: CompileInput,
  direction: Direction,
  only: ReadonlySet<IdentityId> | undefined,
): PolicyTableRow[] {
  const everybody: Claim[] = [];
  const peers = new PeerClaims(only);
  const isolated = isIsolated(input.entries, direction, input.enforcement);
  if (input.enforcement !== 'never') {
    for (const bound of input.entries) {
      if (bound.entry.direction !== direction) continue;
      if (isolated && bound.entry.tier === 'baseline') continue;
      if (bound.entry.peers !== 'any' && !peers.concern(bound.peers)) continue;
      claim(bound, input, everybody, peers);
    }
  }
  if (!isolated) everybody.push(ofDefault(DEFAULT_ALLOW));
  if (isolated && direction === 'ingress' && input.allowLocalhost === 'always') {
    peers.add(RESERVED_IDS.host, ofDefault(LOCALHOST_ALLOW));
  }

  const common = flatten(everybody.sort(byPrecedence));
  const rows: PolicyTableRow[] = [];
  if (only === undefined) push(rows, direction, [ANY_PEER], surfaceRows(common));
  for (const { claims, ids } of peers.groups()) {
    push(rows, direction, ids, surfaceRows(merged(everybody, claims), common));
  }
  return rows;
}

function merged(everybody: readonly Claim[], claims: readonly Claim[]): Surface {
  return flatten([...everybody, ...claims].sort(byPrecedence));
}

function push(
  rows: PolicyTableRow[],
  direction: Direction,
  ids: readonly IdentityId[],
  shapes: readonly RowShape[],
): void {
  if (shapes.length === 0) return;
  for (const id of ids) {
    for (const shape of shapes) rows.push(toRow(direction, id, shape));
  }
}

/** Turns one entry into claims, on everybody or on its peers. */
function claim(bound: BoundEntry, input: CompileInput, everybody: Claim[], peers: PeerClaims): void {
  const { entry, rule } = bound;
  const precedence = precedenceOf(entry);
  const { verdict } = entry;
  const value = verdict === 'pass' ? undefined : { verdict, precedence, rule };
  const make = (ports: Claim['ports']): Claim => ({ precedence, tier: TIERS.indexOf(entry.tier), value, ports });
  const names = entry.ports !== 'any' && entry.ports.some((port) => 'name' in port);
  const onEgress = names && entry.direction === 'egress';

  if (!onEgress) {
    const own = make(resolvePorts(entry, input.namedPorts));
    if (own.ports?.length === 0) return;
    if (entry.peers === 'any') everybody.push(own);
    else for (const set of bound.peers) peers.addAll(set, own);
    return;
  }
  // The number behind a name is the destination's business: one claim for each distinct answer.
  const answers = new Map<string, Claim>();
  const claimFor = (id: IdentityId): Claim => {
    const ports = resolvePorts(entry, input.namedPortsOf(id)) ?? [];
    const key = ports.map(({ protocol, range }) => `${protocol}/${range.from}-${range.to}`).join();
    const known = answers.get(key) ?? make(ports);
    answers.set(key, known);
    return known;
  };
  if (entry.peers === 'any') {
    const numbers = make(resolvePorts(entry, []));
    if (numbers.ports?.length !== 0) everybody.push(numbers);
  }
  for (const set of entry.peers === 'any' ? bound.named : bound.peers) {
    for (const id of peers.wanted(set)) {
      const own = claimFor(id);
      if (own.ports?.length !== 0) peers.add(id, own);
    }
  }
}

/** Ports as numbers; a name gives every port of that name and protocol, or none. */
function resolvePorts({ ports }: PolicyEntry, named: readonly NamedPort[]): readonly ProtocolPorts[] | undefined {
  if (ports === 'any') return undefined;
  return ports.flatMap((port): ProtocolPorts[] => {
    if (!('name' in port)) return [{ protocol: port.protocol, range: { from: port.from, to: port.to } }];
    const protocol = protocolName(port.protocol);
    return named
      .filter((candidate) => candidate.name === port.name && candidate.protocol === protocol)
      .map((found) => ({ protocol: port.protocol, range: { from: found.port, to: found.port } }));
  });
}

type Group = {
  readonly parent: Group | undefined;
  readonly claim: Claim | undefined;
  readonly next: Map<Claim, Group>;
};

/** Which claims each peer has. Peers with the same claims share a group, and so the work of flattening them. */
class PeerClaims {
  readonly #only: ReadonlySet<IdentityId> | undefined;
  readonly #root: Group = { parent: undefined, claim: undefined, next: new Map() };
  readonly #at = new Map<IdentityId, Group>();

  constructor(only: ReadonlySet<IdentityId> | undefined) {
    this.#only = only;
  }

  /** Those of the set that rows are wanted for. */
  wanted(set: ReadonlySet<IdentityId>): Iterable<IdentityId> {
    const only = this.#only;
    return only === undefined ? set : [...only].filter((id) => set.has(id));
  }

  /** False when none of the sets holds a peer that rows are wanted for. */
  concern(sets: readonly ReadonlySet<IdentityId>[]): boolean {
    const only = this.#only;
    return only === undefined || sets.some((set) => only.values().some((id) => set.has(id)));
  }

  addAll(set: ReadonlySet<IdentityId>, claim: Claim): void {
    for (const id of this.wanted(set)) this.#step(id, claim);
  }

  add(id: IdentityId, claim: Claim): void {
    if (this.#only === undefined || this.#only.has(id)) this.#step(id, claim);
  }

  #step(id: IdentityId, claim: Claim): void {
    const group = this.#at.get(id) ?? this.#root;
    if (group.claim === claim) return;
    const known = group.next.get(claim);
    const next = known ?? { parent: group, claim, next: new Map() };
    if (known === undefined) group.next.set(claim, next);
    this.#at.set(id, next);
  }

  *groups(): Generator<{ claims: Claim[]; ids: IdentityId[] }> {
    const members = new Map<Group, IdentityId[]>();
    for (const [id, group] of this.#at) {
      const ids = members.get(group);
      if (ids === undefined) members.set(group, [id]);
      else ids.push(id);
    }
    for (const [group, ids] of members) {
      const claims: Claim[] = [];
      for (let at: Group | undefined = group; at?.claim !== undefined; at = at.parent) claims.push(at.claim);
      yield { claims, ids };
    }
  }
}
