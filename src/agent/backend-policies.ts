import type { PolicyView } from '../api/index.ts';
import type { NetworkPolicyRow } from '../kube/index.ts';
import { type Direction, formatSelector, type PeerSelector, type PolicyEntry, type PortSpec } from '../model/index.ts';
import { protocolName } from '../net/index.ts';
import { type PolicyRepository, parseNetworkPolicy, translateNetworkPolicy } from '../policy/index.ts';
import { policyObject } from './policy-follower.ts';

export type PolicyViewContext = {
  readonly repository: PolicyRepository;
  /** Why it could not be understood, by `namespace/name`. */
  readonly problems: ReadonlyMap<string, string>;
  /** Policies that select an identity whose table was refused, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
  /** How many endpoints of this node each policy selects. */
  readonly selected: ReadonlyMap<string, number>;
  readonly converged: boolean;
};

export function policyView(row: NetworkPolicyRow, context: PolicyViewContext): PolicyView {
  const key = `${row.namespace}/${row.name}`;
  const problem = context.problems.get(key) ?? context.refused.get(key);
  const entries = entriesOf(row);
  return {
    kind: 'NetworkPolicy',
    namespace: row.namespace,
    name: row.name,
    uid: row.uid,
    state: problem === undefined ? (context.converged ? 'applied' : 'pending') : 'refused',
    ...(problem === undefined ? {} : { detail: problem }),
    directions: [...new Set(entries.map(({ direction }) => direction))],
    endpoints: context.selected.get(key) ?? 0,
    rules: entries.map((entry) => ({
      id: context.repository.rules.intern(entry.origin),
      direction: entry.direction,
      verdict: entry.verdict === 'deny' ? 'deny' : 'allow',
      text: ruleText(entry),
    })),
  };
}

function entriesOf(row: NetworkPolicyRow): PolicyEntry[] {
  try {
    return translateNetworkPolicy(parseNetworkPolicy(policyObject(row)), row.namespace);
  } catch {
    return [];
  }
}

/** `rule 0, from pods with app=frontend on TCP 8080`; direction and verdict are fields of their own. */
export function ruleText(entry: PolicyEntry): string {
  const preposition: Record<Direction, string> = { ingress: 'from', egress: 'to' };
  const peers = entry.peers === 'any' ? 'anybody' : entry.peers.map(peerText).join(' or ') || 'nobody';
  const ports = entry.ports === 'any' ? '' : ` on ${entry.ports.map(portText).join(', ') || 'no port'}`;
  const rule = entry.origin.rule === undefined ? '' : `rule ${entry.origin.rule}, `;
  return `${rule}${preposition[entry.direction]} ${peers}${ports}`;
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
