import type { PolicyView } from '../../api/index.ts';
import {
  type Direction,
  formatSelector,
  type PeerSelector,
  type PolicyEntry,
  type PolicyKey,
  type PolicyObject,
  type PortSpec,
  policyKey,
} from '../../model/index.ts';
import { protocolName } from '../../net/index.ts';
import { type PolicyProblem, textOf } from '../../plane/index.ts';
import { type PolicyKind, type PolicyRepository, readPolicy } from '../../policy/index.ts';

type Meanwhile = PolicyView['meanwhile'][number];

export type PolicyViewContext = {
  readonly repository: PolicyRepository;
  readonly kinds?: readonly PolicyKind[];
  /** Why it is not in force as it is written. */
  readonly problems: ReadonlyMap<PolicyKey, readonly PolicyProblem[]>;
  /** Policies that are not in force for some identity, with the reason. */
  readonly refused: ReadonlyMap<PolicyKey, string>;
  /** How many endpoints of this node each policy selects, or would. */
  readonly selected: ReadonlyMap<PolicyKey, number>;
  readonly converged: boolean;
  /** When it was last read, milliseconds since the epoch. */
  readonly takenUpAt: (key: PolicyKey) => number | undefined;
  /** Where it is not wholly in force. */
  readonly meanwhile: ReadonlyMap<PolicyKey, readonly Meanwhile[]>;
  /** Since when what selects pods here is in force for the last of them. */
  readonly inForceSince: ReadonlyMap<PolicyKey, number>;
};

export function policyView(row: PolicyObject, context: PolicyViewContext): PolicyView {
  const key = policyKey(row);
  const { entries, staged, isMirror, problems: unread } = readPolicy(row, context.kinds);
  const shown = staged ?? entries;
  const problems = context.problems.get(key) ?? [];
  const [closed] = problems;
  const refused = context.refused.get(key);
  const later = staged === undefined || unread.length === 0 ? [] : [`once enforced: ${unread.join('; ')}`];
  const detail = [
    ...later,
    ...(closed === undefined ? [] : [textOf(problems)]),
    ...(refused === undefined ? [] : [refused]),
  ];
  const meanwhile = context.meanwhile.get(key) ?? [];
  const isWritten = context.converged && meanwhile.length === 0;
  const waits =
    refused === undefined && closed === undefined ? meanwhile.map(({ direction, why }) => `${direction} ${why}`) : [];
  const since = sinceOf(key, context);
  return {
    kind: row.kind,
    ...(row.namespace === '' ? {} : { namespace: row.namespace }),
    name: row.name,
    uid: row.uid,
    state: isMirror
      ? 'mirror'
      : staged !== undefined
        ? 'staged'
        : refused !== undefined
          ? 'refused'
          : (closed?.kind ?? (isWritten ? 'applied' : 'pending')),
    ...(detail.length + waits.length === 0 ? {} : { detail: [...detail, ...waits].join('; ') }),
    ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
    meanwhile: [...meanwhile],
    directions: [...new Set(shown.map(({ direction }) => direction))],
    endpoints: context.selected.get(key) ?? 0,
    rules: shown.map((entry) => ({
      id: context.repository.rules.find(entry.origin),
      direction: entry.direction,
      verdict: entry.verdict === 'deny' ? 'deny' : 'allow',
      text: ruleText(entry),
    })),
  };
}

/** The latest of when it was read and when the last pod's tables became what they are. */
function sinceOf(key: PolicyKey, { takenUpAt, inForceSince }: PolicyViewContext): number | undefined {
  const times = [takenUpAt(key), inForceSince.get(key)].filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.max(...times);
}

const MOST_NAMED = 5;

/** How many there are, and the first of them. */
export function policyProblemTexts(problems: ReadonlyMap<PolicyKey, readonly PolicyProblem[]>): string[] {
  if (problems.size === 0) return [];
  const named = Array.from(problems).slice(0, MOST_NAMED);
  const are = problems.size === 1 ? '1 policy is' : `${problems.size} policies are`;
  return [`${are} not in force as written`, ...named.map(([key, why]) => `${key}: ${textOf(why)}`)];
}

/** `rule 0, from pods with app=frontend on TCP 8080`; direction and verdict are fields of their own. */
export function ruleText(entry: PolicyEntry): string {
  const preposition: Record<Direction, string> = { ingress: 'from', egress: 'to' };
  const peers = entry.peers === 'any' ? 'anybody' : entry.peers.map(peerText).join(' or ') || 'nobody';
  const ports = entry.ports === 'any' ? '' : ` on ${entry.ports.map(portText).join(', ') || 'no port'}`;
  const rule = entry.origin.rule === undefined ? '' : `rule ${entry.origin.rule}, `;
  const closed = entry.closed === undefined ? '' : ': it cannot be read';
  return `${rule}${preposition[entry.direction]} ${peers}${ports}${closed}`;
}

function peerText(peer: PeerSelector): string {
  switch (peer.kind) {
    case 'entity':
      return peer.entity;
    case 'prefix': {
      const except = peer.except.length === 0 ? '' : ` except ${peer.except.map(String).join(', ')}`;
      return `${peer.prefix.toString()}${except}`;
    }
    case 'pods': {
      const { name, selector } = peer.namespace;
      const where = [
        ...(name === undefined ? [] : [`of namespace ${name}`]),
        ...(selector === undefined ? [] : [`of namespaces with ${formatSelector(selector)}`]),
      ];
      return `pods with ${formatSelector(peer.pods)} ${where.join(' and ')}`.trim();
    }
  }
}

function portText(port: PortSpec): string {
  const protocol = protocolName(port.protocol);
  if ('name' in port) return `${protocol} "${port.name}"`;
  if (port.from === 0 && port.to === 0xffff) return `any ${protocol} port`;
  return port.from === port.to ? `${protocol} ${port.from}` : `${protocol} ${port.from}-${port.to}`;
}
