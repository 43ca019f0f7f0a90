import { RESERVED_IDS } from '../../identity/index.ts';
import {
  type Direction,
  type Identity,
  type IdentityId,
  type PodIdentity,
  type PolicyEntry,
  policyKey,
  type Reason,
  type Verdict,
} from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';
import { explain, type NearestMiss, type PolicyRepository, partyOf } from '../../policy/index.ts';
import type { DirectionState, PolicyInstaller } from './policy-installer.ts';
import { shortfall } from './shortfalls.ts';

/** A new connection at one of its two ends, which is a pod of this cluster. */
export type InForceQuestion = {
  readonly subject: PodIdentity;
  readonly direction: Direction;
  readonly peer: Identity;
  /** Without one no CIDR selects the peer. */
  readonly peerAddr: Addr | undefined;
  /** IANA number. */
  readonly protocol: number;
  /** Destination port, or for ICMP `type << 8`. */
  readonly port: number;
};

export type InForceAnswer = {
  readonly verdict: Verdict;
  /** `closed`: what the policies say is not in force for this peer. */
  readonly reason: Reason | { readonly kind: 'closed' };
  /** One sentence. */
  readonly text: string;
  readonly nearestMiss?: NearestMiss;
};

export type InForceContext = {
  readonly repository: PolicyRepository;
  readonly installer: Pick<PolicyInstaller, 'get'>;
};

/** What the policies say of the connection, as far as it is in force on this node. */
export function judgeInForce(question: InForceQuestion, { repository, installer }: InForceContext): InForceAnswer {
  const { subject, direction, peer, peerAddr, protocol, port } = question;
  const state = installer.get(subject.id)?.states[direction];
  if (state !== undefined && isClosedTo(state, peer.id)) {
    return { verdict: 'deny', reason: { kind: 'closed' }, text: `denied, ${shortfall(state) ?? 'closed'}` };
  }
  const entries = inForce(repository.entriesFor(subject.id), direction, state);
  const explanation = explain(entries, repository.settings, {
    subject: subject.workload,
    direction,
    peer: partyOf(peer, peerAddr),
    protocol,
    port,
  });
  const note = state === undefined ? undefined : shortfall(state);
  return note === undefined ? explanation : { ...explanation, text: `${explanation.text} (${note})` };
}

/** Where the direction, or the peer, is closed although the policies may say otherwise. */
function isClosedTo({ inForce, floor, missing }: DirectionState, peer: IdentityId): boolean {
  const isClosed = inForce === 'closed' && floor !== 'open' && !(floor === 'node' && peer === RESERVED_IDS.host);
  return isClosed || missing.has(peer);
}

/** Policies that were left out isolate and admit nobody. */
function inForce(entries: PolicyEntry[], direction: Direction, state: DirectionState | undefined): PolicyEntry[] {
  return entries.map((entry) => {
    const without = entry.direction === direction && state?.without.includes(policyKey(entry.origin)) === true;
    return without ? { ...entry, peers: [] } : entry;
  });
}
