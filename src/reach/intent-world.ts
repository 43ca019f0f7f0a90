import {
  type Direction,
  formatOrigin,
  type Identity,
  type IdentityId,
  type NamedPort,
  type PeerSelector,
  type PolicyEntry,
  type Workload,
} from '../model/index.ts';
import { PROTOCOL_NUMBERS, PrefixSet } from '../net/index.ts';
import { hasCidr, judge, type Party, type PolicySettings, partyOf, peerMatches } from '../policy/index.ts';
import type { Belonging } from '../tenant/index.ts';
import { Borders, type Point } from './cells.ts';
import type { Owner, Peer, PolicySide, SharedPort, World } from './world.ts';

/** What is meant: objects of the cluster, as far as this node has them. */
export type Intent = {
  /** All that there are: pods', reserved ones, and of prefixes. */
  readonly identities: ReadonlyMap<IdentityId, Identity>;
  /** Whose a namespace is. */
  readonly belonging: (namespace: string) => Belonging;
  readonly unassigned: 'Open' | 'Closed';
  /** That hold now. */
  readonly shares: readonly IntentShare[];
  /** Entries of policies that select this pod, the same objects each time. */
  readonly entriesFor: (subject: IdentityId) => readonly PolicyEntry[];
  readonly settings: PolicySettings;
};

export type IntentShare = Point & { readonly opener: IdentityId; readonly responder: IdentityId };

/**
 * The account that the objects give. Policy is judged by the oracle, one packet a cell: it shares nothing with how the
 * kernel's tables are made.
 */
export class IntentWorld implements World {
  readonly #intent: Intent;
  readonly #owners = new Map<string, Owner>();
  readonly #shares = new Map<IdentityId, Map<IdentityId, SharedPort[]>>();
  readonly #serials = new Map<PolicyEntry, number>();
  readonly #subjects = new Map<string, SubjectRules>();
  readonly #ofSubject = new Map<IdentityId, Map<Direction, SubjectRules>>();
  readonly #members = new Map<PeerSelector, ReadonlySet<IdentityId>>();
  readonly #byNamespace: ReadonlyMap<string, readonly Identity[]>;
  readonly #parties = new WeakMap<Peer, Party>();
  readonly #byText = new Map<string, ReadonlySet<IdentityId>>();

  constructor(intent: Intent) {
    this.#intent = intent;
    this.#byNamespace = Map.groupBy(intent.identities.values(), namespaceOf);
    for (const { opener, responder, protocol, port } of intent.shares) {
      const of = this.#shares.get(opener) ?? new Map<IdentityId, SharedPort[]>();
      this.#shares.set(opener, of);
      const list = of.get(responder) ?? [];
      of.set(responder, list);
      list.push({ protocol, port, text: 'the tenant of the one exports it and that of the other imports it' });
    }
  }

  /** The same world with other entries of policies for each pod. */
  with(entriesOf: (subject: Workload, entries: readonly PolicyEntry[]) => readonly PolicyEntry[]): IntentWorld {
    const { identities, entriesFor } = this.#intent;
    return new IntentWorld({
      ...this.#intent,
      entriesFor: (subject) => {
        const identity = identities.get(subject);
        const entries = entriesFor(subject);
        return identity?.kind === 'pod' ? entriesOf(identity.workload, entries) : entries;
      },
    });
  }

  owner(id: IdentityId): Owner | undefined {
    const identity = this.#intent.identities.get(id);
    if (identity?.kind !== 'pod') return undefined;
    const { namespace } = identity.workload;
    const known = this.#owners.get(namespace) ?? ownerOf(this.#intent.belonging(namespace), this.#intent.unassigned);
    this.#owners.set(namespace, known);
    return known;
  }

  shared(opener: IdentityId, responder: IdentityId): readonly SharedPort[] {
    return this.#shares.get(opener)?.get(responder) ?? [];
  }

  side(subject: IdentityId, direction: Direction, peer: Peer): PolicySide | undefined {
    return this.#rulesOf(subject, direction)?.sideFor(peer);
  }

  /** Equal for subjects of which policies say the same in that direction. */
  subjectKey(subject: IdentityId, direction: Direction): string {
    return this.#rulesOf(subject, direction)?.key ?? '';
  }

  #rulesOf(subject: IdentityId, direction: Direction): SubjectRules | undefined {
    const known = this.#ofSubject.get(subject)?.get(direction);
    if (known !== undefined) return known;
    const identity = this.#intent.identities.get(subject);
    if (identity?.kind !== 'pod') return undefined;
    const entries = this.#intent.entriesFor(subject).filter((entry) => entry.direction === direction);
    const numbers = entries.map((entry) => this.#serialOf(entry)).sort((a, b) => a - b);
    const names = direction === 'ingress' ? portsText(identity.workload.namedPorts) : '';
    const key = `${direction} ${numbers.join()} ${names}`;
    const rules =
      this.#subjects.get(key) ??
      new SubjectRules({
        key,
        subject: identity.workload,
        direction,
        entries,
        settings: this.#intent.settings,
        identity: (id) => this.#intent.identities.get(id),
        party: (own, peer) => this.#partyOf(own, peer),
        members: (selector) => this.#membersOf(selector),
      });
    this.#subjects.set(key, rules);
    const of = this.#ofSubject.get(subject) ?? new Map<Direction, SubjectRules>();
    this.#ofSubject.set(subject, of.set(direction, rules));
    return rules;
  }

  /** The same one for the same peer: there are as many questions as subjects and peers. */
  #partyOf(identity: Identity, peer: Peer): Party {
    const known = this.#parties.get(peer);
    if (known !== undefined) return known;
    const party = partyAt(identity, peer);
    this.#parties.set(peer, party);
    return party;
  }

  #serialOf(entry: PolicyEntry): number {
    const known = this.#serials.get(entry) ?? this.#serials.size;
    this.#serials.set(entry, known);
    return known;
  }

  /** Whom it selects by what they are, without an address. */
  #membersOf(selector: PeerSelector): ReadonlySet<IdentityId> {
    const known = this.#members.get(selector);
    if (known !== undefined) return known;
    const { name } = selector.kind === 'pods' ? selector.namespace : {};
    const text = selectorText(selector);
    const among = name === undefined ? this.#intent.identities.values() : (this.#byNamespace.get(name) ?? []);
    const found = this.#byText.get(text) ?? select(among, selector, this.#intent.settings);
    this.#byText.set(text, found);
    this.#members.set(selector, found);
    return found;
  }
}

/** Many policies have the same selectors. */
function selectorText(selector: PeerSelector): string {
  return selector.kind === 'prefix'
    ? [selector.prefix, ...selector.except].map((prefix) => prefix.toString()).join()
    : JSON.stringify(selector);
}

function select(among: Iterable<Identity>, selector: PeerSelector, settings: PolicySettings): ReadonlySet<IdentityId> {
  const found = new Set<IdentityId>();
  for (const identity of among) {
    // By prefix it is its addresses that are asked about, whoever has them.
    if (selector.kind !== 'prefix' && peerMatches(selector, settings, partyOf(identity))) found.add(identity.id);
  }
  return found;
}

type SubjectOptions = {
  readonly key: string;
  readonly subject: Workload;
  readonly direction: Direction;
  readonly entries: readonly PolicyEntry[];
  readonly settings: PolicySettings;
  readonly identity: (id: IdentityId) => Identity | undefined;
  readonly party: (identity: Identity, peer: Peer) => Party;
  readonly members: (selector: PeerSelector) => ReadonlySet<IdentityId>;
};

type Selected = { readonly mark: string; readonly selector: PeerSelector; readonly members: ReadonlySet<IdentityId> };

/** What policies say of all subjects of one sort in one direction, by sorts of peers. */
class SubjectRules {
  readonly key: string;
  readonly #o: SubjectOptions;
  readonly #selected: readonly Selected[];
  readonly #byAddress: readonly Selected[];
  readonly #marks = new Map<IdentityId, string>();
  readonly #sides = new Map<string, PolicySide>();
  readonly #hasNames: boolean;

  constructor(options: SubjectOptions) {
    this.key = options.key;
    this.#o = options;
    this.#selected = options.entries.flatMap((entry, index) =>
      entry.peers === 'any'
        ? []
        : entry.peers.map((selector, place) => ({
            mark: `${index}.${place}`,
            selector,
            members: options.members(selector),
          })),
    );
    this.#byAddress = this.#selected.filter(({ selector }) => selector.kind === 'prefix');
    for (const { mark, members } of this.#selected) {
      for (const id of members) this.#marks.set(id, `${this.#marks.get(id) ?? ''} ${mark}`);
    }
    this.#hasNames = options.entries.some(({ ports }) => ports !== 'any' && ports.some((port) => 'name' in port));
  }

  sideFor(peer: Peer): PolicySide | undefined {
    const identity = this.#o.identity(peer.identity);
    if (identity === undefined) return undefined;
    const party = this.#o.party(identity, peer);
    const key = this.#sortOf(identity, party);
    const known = this.#sides.get(key);
    if (known !== undefined) return known;
    const side = new OracleSide(this.#o, party);
    this.#sides.set(key, side);
    return side;
  }

  /** Equal for peers between which no entry makes a difference. */
  #sortOf(identity: Identity, party: Party): string {
    const { direction } = this.#o;
    const byName = this.#marks.get(identity.id) ?? '';
    const byAddress = this.#addressMarks(party);
    const names =
      this.#hasNames && direction === 'egress' && party.kind === 'pod' ? portsText(party.workload.namedPorts) : '';
    // Its own node may be let in whatever policies say.
    const host = party.kind === 'node' && party.role === 'host' ? 'host' : '';
    // Nearly all: no text is made for them.
    return byAddress === '' && names === '' && host === '' ? byName : [byName, byAddress, names, host].join('|');
  }

  #addressMarks(party: Party): string {
    const { settings } = this.#o;
    if (this.#byAddress.length === 0 || party.addr === undefined || !hasCidr(settings, party)) return '';
    let marks = '';
    for (const { mark, selector } of this.#byAddress) if (peerMatches(selector, settings, party)) marks += ` ${mark}`;
    return marks;
  }
}

/** The party that speaks for all of its sort. */
class OracleSide implements PolicySide {
  readonly borders = new Borders();
  readonly #o: SubjectOptions;
  readonly #peer: Party;
  readonly #answers = new Map<number, ReturnType<typeof judge>>();

  constructor(options: SubjectOptions, peer: Party) {
    this.#o = options;
    this.#peer = peer;
    const named =
      options.direction === 'ingress'
        ? options.subject.namedPorts
        : peer.kind === 'pod'
          ? peer.workload.namedPorts
          : [];
    for (const { ports } of options.entries) {
      if (ports === 'any') continue;
      for (const port of ports) {
        if (!('name' in port)) this.borders.add(port.protocol, port.from, port.to);
        else
          for (const { protocol, port: number } of named) this.borders.add(PROTOCOL_NUMBERS[protocol], number, number);
      }
    }
  }

  allows(point: Point): boolean {
    return this.#judge(point).verdict === 'allow';
  }

  why(point: Point): readonly string[] {
    const { reason } = this.#judge(point);
    const { direction } = this.#o;
    switch (reason.kind) {
      case 'rule':
        return [formatOrigin(reason.origin)];
      case 'isolated':
        return [`no ${direction} rule of ${reason.by.map(formatOrigin).join(', ')} allows it`];
      case 'not-isolated':
        return [`no policy isolates for ${direction}`];
      case 'localhost':
        return ['a node always reaches its own pods'];
      case 'not-enforced':
        return ['policies are not enforced'];
    }
  }

  #judge({ protocol, port }: Point) {
    const place = protocol * 0x1_0000 + port;
    const { entries, settings, subject, direction } = this.#o;
    const known =
      this.#answers.get(place) ?? judge(entries, settings, { subject, direction, peer: this.#peer, protocol, port });
    this.#answers.set(place, known);
    return known;
  }
}

/** Without an address no prefix selects it; one of a prefix is its addresses. */
function partyAt(identity: Identity, { addr }: Peer): Party {
  return identity.kind === 'cidr' ? { kind: 'world', addr } : partyOf(identity, addr);
}

function namespaceOf(identity: Identity): string {
  return identity.kind === 'pod' ? identity.workload.namespace : '';
}

function portsText(ports: readonly NamedPort[]): string {
  return ports
    .map(({ name, protocol, port }) => `${name}/${protocol}/${port}`)
    .sort()
    .join();
}

/** docs/TENANTS.md in the words of the core. */
function ownerOf(belonging: Belonging, unassigned: 'Open' | 'Closed'): Owner {
  const open = {
    isClosed: false,
    noWorld: false,
    lists: () => false,
    noMetadata: false,
    noToNodes: false,
    noFromNodes: false,
  };
  switch (belonging.state) {
    case 'closed':
      return { ...open, group: 'closed', isClosed: true };
    case 'unassigned':
      return { ...open, group: 'nobody' };
    case 'system':
      return { ...open, group: unassigned === 'Open' ? 'nobody' : 'system' };
    case 'tenant': {
      const { name, boundary, world } = belonging.tenant;
      const noWorld = boundary.world !== 'Open';
      const listed = new PrefixSet(boundary.world === 'Listed' ? world.cidrs : []);
      const noToNodes = boundary.nodes === 'ProbesOnly';
      return {
        group: `tenant ${name}`,
        isClosed: false,
        noWorld,
        lists: (addr) => listed.covers(addr),
        noMetadata: world.metadata === 'Never',
        noToNodes,
        noFromNodes: noToNodes && noWorld,
      };
    }
  }
}
