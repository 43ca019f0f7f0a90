import { type Direction, type Identity, policyKey, RESERVED_NAME, type Workload } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import type { Accounts } from '../../plane/index.ts';
import {
  addressPeer,
  type DraftPeer,
  type DraftPort,
  draftName,
  draftOf,
  type NetworkPolicyDraft,
  peerOf,
  podsOf,
} from '../../policy/index.ts';
import type { Pair, Peer, Point } from '../../reach/index.ts';
import type { TraceContext } from './trace-ends.ts';

/** A connection between two ends, as the policies of both see it. */
export type Wanted = Pair & { readonly openerName: string; readonly responderName: string; readonly point: Point };

type Missing = { readonly wanted: Wanted; readonly direction: Direction; readonly subject: Workload };

/** The least NetworkPolicies for what policy does not let pass, one for all peers of the same pods in one direction. */
export function draftsFor(
  wanted: readonly Wanted[],
  accounts: Accounts,
  { intent }: Pick<TraceContext, 'intent'>,
): NetworkPolicyDraft[] {
  const workloads = Array.from(accounts.identities.values(), workloadOf).filter((one) => one !== undefined);
  const drafts: NetworkPolicyDraft[] = [];
  const missing = wanted.flatMap((one) => missingOf(one, accounts));
  for (const group of Map.groupBy(missing, groupKey).values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { direction, subject, wanted: one } = first;
    const { namespace } = subject;
    const peers = group.flatMap((other) => {
      const [, peer] = endsOf(other.wanted, direction);
      return peerFor(peer, { namespace, workloads, identity: accounts.identities.get(peer.identity) }) ?? [];
    });
    if (peers.length === 0) continue;
    const [towards, whom] = direction === 'ingress' ? ['from', one.openerName] : ['to', one.responderName];
    const name = draftName(['allow', towards, whom, pointText(one.point)], (text) => {
      const isDrafted = drafts.some(({ metadata }) => metadata.namespace === namespace && metadata.name === text);
      return isDrafted || intent.policies.rows.has(policyKey({ kind: 'NetworkPolicy', namespace, name: text }));
    });
    const rule = { peers: distinct(peers), ports: portsOf(one.point) };
    drafts.push(draftOf({ namespace, name, pods: podsOf(subject, workloads), direction, rules: [rule] }));
  }
  return drafts;
}

/** In which directions policy does not let it pass. */
function missingOf(wanted: Wanted, { intent, identities }: Accounts): Missing[] {
  return (['egress', 'ingress'] as const).flatMap((direction): Missing[] => {
    const [end, peer] = endsOf(wanted, direction);
    const subject = workloadOf(identities.get(end.identity));
    const side = intent.side(end.identity, direction, peer);
    if (subject === undefined || side === undefined || side.allows(wanted.point)) return [];
    return [{ wanted, direction, subject }];
  });
}

function groupKey({ wanted, direction }: Missing): string {
  const [{ identity }] = endsOf(wanted, direction);
  return `${direction} ${identity} ${pointText(wanted.point)}`;
}

export function endsOf({ opener, responder }: Pair, direction: Direction): readonly [subject: Peer, peer: Peer] {
  return direction === 'egress' ? [opener, responder] : [responder, opener];
}

function workloadOf(identity: Identity | undefined): Workload | undefined {
  return identity?.kind === 'pod' ? identity.workload : undefined;
}

/** Undefined: nothing that a NetworkPolicy can say selects it. */
function peerFor(
  { addr }: Peer,
  {
    namespace,
    workloads,
    identity,
  }: { readonly namespace: string; readonly workloads: readonly Workload[]; readonly identity: Identity | undefined },
): DraftPeer | undefined {
  const workload = workloadOf(identity);
  if (workload !== undefined) return peerOf(workload, namespace, workloads);
  if (identity?.kind === 'reserved' && identity.id === RESERVED_NAME.host) return undefined;
  return addr === undefined ? undefined : addressPeer(addr);
}

function distinct(peers: readonly DraftPeer[]): DraftPeer[] {
  return [...new Map(peers.map((peer) => [JSON.stringify(peer), peer])).values()];
}

const PORT_PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

/** Of ICMP none: no rule names it, and one of all ports lets it pass. */
function portsOf({ protocol: number, port }: Point): DraftPort[] {
  const protocol = PORT_PROTOCOLS.find((name) => PROTOCOL_NUMBERS[name] === number);
  return protocol === undefined ? [] : [{ protocol, port }];
}

function pointText(point: Point): string {
  const [named] = portsOf(point);
  return named === undefined ? 'all-ports' : `${named.protocol}-${named.port}`;
}
