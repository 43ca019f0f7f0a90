import type { SuggestRequest, SuggestView, Talk } from '../../api/index.ts';
import { nameParts, namespacedName } from '../../base/index.ts';
import type { PodsElsewhere } from '../../cluster/index.ts';
import { type Direction, type IdentityId, policyKey, RESERVED_NAME, type Workload } from '../../model/index.ts';
import { isAddr, PROTOCOL_NUMBERS, parseAddr } from '../../net/index.ts';
import type { Accounts } from '../../plane/index.ts';
import {
  addressPeer,
  type DraftPeer,
  type DraftPort,
  draftName,
  draftOf,
  lasting,
  type NetworkPolicyDraft,
  peerOf,
  podsOf,
  readPolicy,
  selectsPod,
} from '../../policy/index.ts';
import { decide, type Pair, type Peer, type Point } from '../../reach/index.ts';
import { agentErrors } from '../errors.ts';
import { readPolicyObjects } from './proposal.ts';
import type { WhyContext } from './why.ts';
import { changesBy } from './why-changes.ts';

export type SuggestContext = Pick<WhyContext, 'intent' | 'repository' | 'prover' | 'endpoints' | 'nodeName'> & {
  readonly elsewhere: Pick<PodsElsewhere, 'pods'>;
};

/** Addresses outside that are named one by one; of more a person has to say which network is meant. */
const MOST_ADDRESSES = 16;
const MOST_EVIDENCE = 8;
const NO_PREFIX = 0 as IdentityId;

type Seen = { readonly talk: Talk; readonly pair: Pair; readonly point: Point };
/** Pods of one set of labels, in one direction. */
type Group = {
  readonly direction: Direction;
  readonly subject: Workload;
  readonly identities: readonly IdentityId[];
  readonly seen: readonly Seen[];
};
type Suggestion = { readonly group: Group; readonly policy: NetworkPolicyDraft; readonly evidence: string[][] };

/**
 * The least NetworkPolicies by which what was seen goes on: one for each sort of pods and direction that was seen and that
 * no policy isolates yet. All that was seen is judged once more with them; what would not pass is left as it is. Writes
 * nothing. E_AGENT_TOO_LITTLE, E_AGENT_TOO_MUCH, E_PLANE_UNSETTLED.
 */
export async function suggest(request: SuggestRequest, context: SuggestContext): Promise<SuggestView> {
  const left: string[] = [];
  const missing = missingOf(request, context);
  if (missing.length > 0 && !request.partial)
    throw agentErrors.make('E_AGENT_TOO_LITTLE', { detail: missing.join('; ') });
  left.push(...missing);
  const { accounts } = await context.prover.prove();
  const seen = seenOf(request, accounts, left);
  const groups = groupsOf(request.namespace, seen, accounts, { left, repository: context.repository });
  let suggestions: Suggestion[] = [];
  for (const group of groups) {
    const made = suggestionFor(group, accounts, { context, taken: suggestions });
    if (typeof made === 'string') left.push(`${nameOf(group)}: ${made}`);
    else suggestions.push(made);
  }
  // Each that cannot let pass what was seen goes, until all that is left does.
  for (;;) {
    const broken = replay(seen, suggestions, accounts).flatMap(({ pair, talk }) =>
      suggestions.filter(({ group }) => concerns(group, pair)).map((one) => ({ one, talk })),
    );
    const [first] = broken;
    if (first === undefined) break;
    left.push(`${nameOf(first.one.group)}: no NetworkPolicy lets pass what was seen: ${talkText(first.talk)}`);
    suggestions = suggestions.filter((one) => one !== first.one);
  }
  const added = entriesOf(suggestions);
  const changed = await changesBy(added, [], accounts);
  const closed = new Set(
    changed
      .filter(({ closes }) => closes.length > 0)
      .map(({ opener, responder }) => `${nameKey(opener)}>${nameKey(responder)}`),
  );
  const talked = new Set(seen.map(({ pair: { opener, responder } }) => `${nameKey(opener)}>${nameKey(responder)}`));
  return {
    suggestions: suggestions.map(({ policy, evidence }) => ({ policy: { ...policy }, evidence })),
    left,
    replay: { seen: seen.length, allowed: seen.length - replay(seen, suggestions, accounts).length },
    closed: Array.from(closed).filter((key) => !talked.has(key)).length,
  };
}

/** What is known to be missing of what was to be seen. */
function missingOf(
  { namespace, since, seen }: SuggestRequest,
  { endpoints, elsewhere, nodeName }: SuggestContext,
): string[] {
  const missing: string[] = [];
  const asked = new Set(seen.map(({ node }) => node));
  const nodes = new Set(
    Array.from(elsewhere.pods()).flatMap(({ pod, node }) =>
      nameParts(pod).namespace === namespace && node !== nodeName ? [node] : [],
    ),
  );
  const silent = Array.from(nodes).filter((node) => !asked.has(node));
  if (silent.length > 0)
    missing.push(`pods of ${namespace} run on ${silent.slice(0, 5).join(', ')}, whose agents were not asked`);
  const here = endpoints.values().some(({ record }) => record.pod.namespace === namespace);
  if (!here && nodes.size === 0) missing.push(`no pod of ${namespace} runs`);
  for (const { node, since: from, lost } of seen) {
    if (from - since > 1_000) missing.push(`${node} knows flows since ${new Date(from).toISOString()} only`);
    if (lost > 0) missing.push(`${lost} flows of ${node} were lost meanwhile`);
  }
  return missing;
}

/** Those between whom who are still known, each once. */
function seenOf({ seen: all }: SuggestRequest, accounts: Accounts, left: string[]): Seen[] {
  const merged = new Map<string, Seen>();
  let gone = 0;
  for (const talk of all.flatMap((node) => node.talks)) {
    const [opener, responder] = [peerAt(talk.opener, accounts), peerAt(talk.responder, accounts)];
    const protocol = (['TCP', 'UDP', 'SCTP', 'ICMP'] as const).find((name) => name === talk.protocol);
    if (opener === undefined || responder === undefined || protocol === undefined) {
      gone += 1;
      continue;
    }
    const point = { protocol: PROTOCOL_NUMBERS[protocol], port: protocol === 'ICMP' ? 8 << 8 : (talk.port ?? 0) };
    const pair = { opener, responder };
    const key = `${nameKey(opener)}>${nameKey(responder)} ${talk.protocol} ${point.port}`;
    const known = merged.get(key);
    const both = known === undefined ? talk : joined(known.talk, talk);
    merged.set(key, { talk: both, pair: known?.pair ?? pair, point });
  }
  if (gone > 0) left.push(`${gone} kinds of connections were of pods that are gone by now`);
  return [...merged.values()];
}

/** Two nodes tell of one connection. */
function joined(a: Talk, b: Talk): Talk {
  return {
    ...a,
    connections: Math.max(a.connections, b.connections),
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
  };
}

/** Undefined: nobody knows any more who it was. */
function peerAt({ identity: number, addr }: Talk['opener'], { identities }: Accounts): Peer | undefined {
  if (!isAddr(addr)) return undefined;
  const id = number as IdentityId;
  const identity = identities.get(id);
  // Numbers of prefixes are each node's own; the address says enough.
  if (identity?.kind === 'pod' || identity?.kind === 'reserved')
    return { identity: id, cidr: NO_PREFIX, addr: parseAddr(addr) };
  return { identity: RESERVED_NAME.world as IdentityId, cidr: NO_PREFIX, addr: parseAddr(addr) };
}

const isPodOf = ({ identity }: Peer, { identities }: Accounts): Workload | undefined => {
  const known = identities.get(identity);
  return known?.kind === 'pod' ? known.workload : undefined;
};

function groupsOf(
  namespace: string,
  seen: readonly Seen[],
  accounts: Accounts,
  { left, repository }: { readonly left: string[]; readonly repository: SuggestContext['repository'] },
): Group[] {
  const groups: Group[] = [];
  const own = Array.from(accounts.identities.values()).filter(
    (one) => one.kind === 'pod' && one.workload.namespace === namespace,
  );
  for (const members of Map.groupBy(own, (one) => (one.kind === 'pod' ? labelsText(one.workload) : '')).values()) {
    const [first] = members;
    if (first?.kind !== 'pod') continue;
    const identities = members.map(({ id }) => id);
    for (const direction of ['ingress', 'egress'] as const) {
      const group = {
        direction,
        subject: first.workload,
        identities,
        seen: seen.filter(({ pair }) => concerns({ direction, identities }, pair)),
      };
      const isolating = repository
        .entriesFor(first.id)
        .find((entry) => entry.direction === direction && entry.isolates);
      if (isolating !== undefined) left.push(`${nameOf(group)}: ${policyKey(isolating.origin)} isolates it already`);
      else if (group.seen.length === 0) left.push(`${nameOf(group)}: nothing was seen, and of that nothing follows`);
      else groups.push(group);
    }
  }
  return groups;
}

function concerns(
  { direction, identities }: Pick<Group, 'direction' | 'identities'>,
  { opener, responder }: Pair,
): boolean {
  return identities.includes((direction === 'egress' ? opener : responder).identity);
}

type Rule = { readonly peer: DraftPeer; readonly ports: Map<string, DraftPort>; readonly evidence: string[] };

/** Or why there is none. */
function suggestionFor(
  group: Group,
  accounts: Accounts,
  { context, taken }: { readonly context: SuggestContext; readonly taken: readonly Suggestion[] },
): Suggestion | string {
  const { direction, subject, seen } = group;
  const { namespace } = subject;
  const workloads = Array.from(accounts.identities.values()).flatMap((one) =>
    one.kind === 'pod' ? [one.workload] : [],
  );
  const rules = new Map<string, Rule>();
  const outside = new Set<string>();
  for (const { talk, pair, point } of seen) {
    const peer = direction === 'egress' ? pair.responder : pair.opener;
    if (isLetIn(peer, direction, context)) continue;
    const workload = isPodOf(peer, accounts);
    const port = portOf(point, isPodOf(pair.responder, accounts));
    if (port === undefined) return `a NetworkPolicy cannot name ${talkText(talk)}; one for all ports would be a guess`;
    const drafted =
      workload === undefined ? peer.addr && addressPeer(peer.addr) : peerOf(workload, namespace, workloads);
    if (drafted === undefined) return `nobody can be named for ${talkText(talk)}`;
    if (workload === undefined) outside.add(peer.addr ?? '');
    const service = direction === 'egress' && workload !== undefined ? serviceOf(workload, point, context) : undefined;
    const named: DraftPeer =
      service === undefined || !('podSelector' in drafted)
        ? drafted
        : { ...drafted, podSelector: { matchLabels: service.selector } };
    const key = JSON.stringify(named);
    const rule = rules.get(key) ?? { peer: named, ports: new Map<string, DraftPort>(), evidence: [] };
    rules.set(key, rule);
    rule.ports.set(JSON.stringify(port), port);
    rule.evidence.push(talkText(talk) + (service === undefined ? '' : `, of Service ${service.name}`));
  }
  if (outside.size > MOST_ADDRESSES)
    return `${outside.size} addresses outside were seen: which network is meant is for a person to say`;
  const merged = Array.from(
    Map.groupBy(rules.values(), ({ ports }) => Array.from(ports.keys()).sort().join()).values(),
  );
  const name = draftName(['suggested', shortName(subject), direction], (text) => {
    const isTaken = taken.some(({ policy }) => policy.metadata.name === text);
    return isTaken || context.intent.policies.rows.has(policyKey({ kind: 'NetworkPolicy', namespace, name: text }));
  });
  const policy = draftOf({
    namespace,
    name,
    pods: podsOf(subject, workloads),
    direction,
    rules: merged.map((same) => ({ peers: same.map(({ peer }) => peer), ports: [...(same[0]?.ports.values() ?? [])] })),
  });
  const evidence = merged.map((same) => {
    const lines = same.flatMap((one) => one.evidence);
    return [
      ...lines.slice(0, MOST_EVIDENCE),
      ...(lines.length > MOST_EVIDENCE ? [`and ${lines.length - MOST_EVIDENCE} more kinds`] : []),
    ];
  });
  return { group, policy, evidence };
}

/** What no policy has to let in. */
function isLetIn({ identity }: Peer, direction: Direction, { repository }: SuggestContext): boolean {
  return direction === 'ingress' && identity === RESERVED_NAME.host && repository.settings.allowLocalhost === 'always';
}

/** By its name, where the pod has one for it. Undefined: a NetworkPolicy has none. */
function portOf({ protocol: number, port }: Point, responder: Workload | undefined): DraftPort | undefined {
  const protocol = (['TCP', 'UDP', 'SCTP'] as const).find((name) => PROTOCOL_NUMBERS[name] === number);
  if (protocol === undefined || port === 0) return undefined;
  const named = responder?.namedPorts.find((one) => one.port === port && one.protocol === protocol);
  return { protocol, port: named?.name ?? port };
}

/** Whose pods they are: a Service outlives the labels of a revision. */
function serviceOf({ namespace, labels, namedPorts }: Workload, { port }: Point, { intent }: SuggestContext) {
  for (const service of intent.services.rows.values()) {
    const { selector = {}, ports } = service;
    const isSelected = Object.entries(selector).every(([key, value]) => labels.get(key) === value);
    if (service.namespace !== namespace || Object.keys(selector).length === 0 || !isSelected) continue;
    const isServed = ports.some(({ targetPort, port: own, protocol }) => {
      const number =
        typeof targetPort === 'string'
          ? namedPorts.find((one) => one.name === targetPort && one.protocol === protocol)?.port
          : (targetPort ?? own);
      return number === port;
    });
    if (isServed) return { name: namespacedName(service), selector };
  }
  return undefined;
}

const entriesOf = (suggestions: readonly Suggestion[]) =>
  readPolicyObjects(suggestions.map(({ policy }) => policy)).flatMap((policy) => readPolicy(policy).entries);

/** What was seen, passes now, and would not with the suggestions. */
function replay(seen: readonly Seen[], suggestions: readonly Suggestion[], { intent }: Accounts): Seen[] {
  const added = entriesOf(suggestions);
  const after = intent.with((subject, entries) => [
    ...entries,
    ...added.filter((entry) => selectsPod(entry.subject, subject)),
  ]);
  return seen.filter(({ pair, point }) => decide(intent, pair, point).passes && !decide(after, pair, point).passes);
}

const nameKey = ({ identity, addr }: Peer): string =>
  identity >= 256 ? String(identity) : `${identity} ${addr ?? ''}`;

const labelsText = ({ labels }: Workload): string =>
  Array.from(lasting(labels), ([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');

const nameOf = ({ direction, subject }: Pick<Group, 'direction' | 'subject'>): string =>
  `${direction} of pods with ${labelsText(subject) || 'no labels'}`;

const NAMING = ['app.kubernetes.io/name', 'app', 'k8s-app', 'name'];

function shortName({ labels }: Workload): string {
  const [key] = NAMING.filter((one) => labels.has(one));
  return (key === undefined ? labels.values().next().value : labels.get(key)) ?? 'pods';
}

/** `3 connections, 2026-01-01T10:00:00Z to 10:20:00Z: shop/web-1 -> shop/api-2 TCP 8080` */
function talkText({ opener, responder, protocol, port, connections, first, last }: Talk): string {
  const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const when = time(first) === time(last) ? `at ${time(first)}` : `${time(first)} to ${time(last)}`;
  const count =
    connections === 0 ? 'an older connection' : connections === 1 ? '1 connection' : `${connections} connections`;
  const whom = `${opener.pod ?? opener.addr} -> ${responder.pod ?? responder.addr}`;
  return `${count}, ${when}: ${whom} ${protocol}${port === undefined ? '' : ` ${port}`}`;
}
