import {
  type Decision,
  type Direction,
  type Entity,
  type PeerSelector,
  type PodSelector,
  type PolicyEntry,
  type PortSpec,
  type RuleOrigin,
  selectorMatches,
  type Workload,
} from '../../model/index.ts';
import { protocolName } from '../../net/index.ts';
import type { PolicySettings } from '../settings.ts';
import type { Party } from './party.ts';

/** A new connection at one of its two ends: the subject's egress or ingress. */
export type Question = {
  readonly subject: Workload;
  readonly direction: Direction;
  readonly peer: Party;
  /** IANA number. */
  readonly protocol: number;
  /** Destination port, or for ICMP `type << 8 | code`. */
  readonly port: number;
};

/**
 * The verdict straight from the entries, one question at a time, with nothing prepared: what the compiled tables and the
 * kernel are held against, so it shares no code with them. The order of entries is stated in precedence.ts.
 */
export function judge(entries: readonly PolicyEntry[], settings: PolicySettings, question: Question): Decision {
  if (settings.enforcement === 'never') return { verdict: 'allow', reason: { kind: 'not-enforced' } };
  const mine = entries.filter((entry) => concerns(entry, question));
  const isolating = mine.filter((entry) => entry.isolates);
  const isolated = isolating.length > 0 || settings.enforcement === 'always';

  for (const tier of isolated ? (['admin', 'network'] as const) : (['admin', 'network', 'baseline'] as const)) {
    const winner = mine
      .filter((entry) => entry.tier === tier && covers(entry, settings, question))
      .reduce<PolicyEntry | undefined>(
        (best, entry) => (best === undefined || outranks(entry, best) ? entry : best),
        undefined,
      );
    if (winner === undefined || winner.verdict === 'pass') continue;
    return { verdict: winner.verdict, reason: { kind: 'rule', origin: winner.origin } };
  }

  if (!isolated) return { verdict: 'allow', reason: { kind: 'not-isolated' } };
  if (question.direction === 'ingress' && isHost(question.peer) && settings.allowLocalhost === 'always') {
    return { verdict: 'allow', reason: { kind: 'localhost' } };
  }
  return { verdict: 'deny', reason: { kind: 'isolated', by: objects(isolating) } };
}

/** Does the entry speak about this subject in this direction at all? */
export function concerns(entry: PolicyEntry, { direction, subject }: Question): boolean {
  return entry.direction === direction && selectsPod(entry.subject, subject);
}

function covers(entry: PolicyEntry, settings: PolicySettings, question: Question): boolean {
  const { peers, ports } = entry;
  // An address has no port names: whoever is meant as one, a pod with `cidrSelects` too, is not reached by them.
  const covered = (byAddress: boolean): boolean =>
    ports === 'any' || ports.some((port) => !(byAddress && 'name' in port) && portMatches(port, question));
  if (peers === 'any') return covered(false);
  return peers.some(
    (peer) =>
      peerMatches(peer, settings, question.peer) && covered(question.direction === 'egress' && peer.kind === 'prefix'),
  );
}

function outranks(a: PolicyEntry, b: PolicyEntry): boolean {
  if (a.order !== b.order) return a.order < b.order;
  const rank = { deny: 0, pass: 1, allow: 2 };
  return rank[a.verdict] < rank[b.verdict];
}

export function selectsPod(selector: PodSelector, pod: Workload): boolean {
  const { name, selector: namespaces } = selector.namespace;
  return (
    (name === undefined || name === pod.namespace) &&
    (namespaces === undefined || selectorMatches(namespaces, pod.namespaceLabels)) &&
    selectorMatches(selector.pods, pod.labels)
  );
}

export function peerMatches(peer: PeerSelector, settings: PolicySettings, party: Party): boolean {
  switch (peer.kind) {
    case 'pods':
      return party.kind === 'pod' && selectsPod(peer, party.workload);
    case 'prefix': {
      const { addr } = party;
      if (addr === undefined || !hasCidr(settings, party)) return false;
      return peer.prefix.contains(addr) && !peer.except.some((hole) => hole.contains(addr));
    }
    case 'entity':
      return entityMatches(peer.entity, party);
  }
}

/** May a CIDR select this party? */
export function hasCidr(settings: PolicySettings, party: Party): boolean {
  if (party.kind === 'world') return true;
  return settings.cidrSelects.includes(party.kind === 'pod' ? 'pods' : 'nodes');
}

function entityMatches(entity: Entity, party: Party): boolean {
  switch (entity) {
    case 'all':
      return true;
    case 'world':
      return party.kind === 'world';
    case 'cluster':
      return party.kind !== 'world';
    case 'host':
      return isHost(party);
    case 'remote-node':
      return party.kind === 'node' && party.role !== 'host';
    case 'kube-apiserver':
      return party.kind === 'node'
        ? party.role === 'kube-apiserver'
        : party.kind === 'world' && party.isApiServer === true;
  }
}

function isHost(party: Party): boolean {
  return party.kind === 'node' && party.role === 'host';
}

export function portMatches(spec: PortSpec, question: Question): boolean {
  if (spec.protocol !== question.protocol) return false;
  if (!('name' in spec)) return question.port >= spec.from && question.port <= spec.to;
  return destinationPorts(question).some(
    ({ name, protocol, port }) =>
      name === spec.name && protocol === protocolName(spec.protocol) && port === question.port,
  );
}

/** The named ports of the pod the packet goes to. */
export function destinationPorts({ direction, subject, peer }: Question): Workload['namedPorts'] {
  if (direction === 'ingress') return subject.namedPorts;
  return peer.kind === 'pod' ? peer.workload.namedPorts : [];
}

/** The distinct objects behind entries, without their rules. */
function objects(entries: readonly PolicyEntry[]): RuleOrigin[] {
  const found = new Map<string, RuleOrigin>();
  for (const { origin } of entries) {
    const { rule: _, ...object } = origin;
    found.set(JSON.stringify([object.kind, object.namespace, object.name]), object);
  }
  return [...found.values()];
}
