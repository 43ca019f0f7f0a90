import {
  type Direction,
  formatOrigin,
  type Identity,
  type IdentityId,
  type PodIdentity,
  type PolicyEntry,
  type PolicyTableValue,
  policyKey,
  type Reason,
  type Verdict,
} from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';
import { explain, hasCidr, type NearestMiss, type PolicyRepository, partyOf } from '../../policy/index.ts';
import type { DirectionState, PolicyInstaller } from './policy-installer.ts';
import { shortfall, WRITING } from './shortfalls.ts';

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
  /** `closed`: what the policies say is not in force. */
  readonly reason: Reason | { readonly kind: 'closed' };
  /** One sentence. */
  readonly text: string;
  readonly nearestMiss?: NearestMiss;
  /** What the policies say, which is being written. */
  readonly pending?: { readonly verdict: Verdict; readonly text: string };
};

export type InForceContext = {
  readonly repository: PolicyRepository;
  readonly installer: Pick<PolicyInstaller, 'get' | 'lookUp'>;
};

/** What is in force on this node says of the connection, and what will once all is written. Another node's pods: what policies say. */
export function judgeInForce(question: InForceQuestion, context: InForceContext): InForceAnswer {
  const { subject, direction, peer, peerAddr, protocol, port } = question;
  const { repository, installer } = context;
  const state = installer.get(subject.id)?.states[direction];
  const wanted = explain(inForce(repository.entriesFor(subject.id), direction, state), repository.settings, {
    subject: subject.workload,
    direction,
    peer: partyOf(peer, peerAddr),
    protocol,
    port,
  });
  if (state === undefined || repository.settings.enforcement === 'never') return wanted;
  const peers = [peer.id, ...coveringCidr(peer, peerAddr, repository)];
  const row = installer.lookUp(state, { peers, protocol, port });
  const verdict = row?.verdict ?? 'deny';
  const note = shortfall(state);
  if (verdict === wanted.verdict && state.inForce === 'wanted') {
    return note === undefined ? wanted : { ...wanted, text: `${wanted.text} (${note})` };
  }
  const now = rowInForce(verdict, row, repository);
  const why = note ?? `not in force yet: ${WRITING}`;
  const pending = state.problem === undefined ? { pending: { verdict: wanted.verdict, text: wanted.text } } : {};
  return { verdict, reason: now.reason, text: `${now.text}, ${why}`, ...pending };
}

/** What a row in the kernel decides, whatever policies say by now. */
function rowInForce(
  verdict: Verdict,
  row: PolicyTableValue | undefined,
  { rules }: PolicyRepository,
): { readonly reason: InForceAnswer['reason']; readonly text: string } {
  const word = verdict === 'allow' ? 'allowed' : 'denied';
  const origin = row === undefined ? undefined : rules.get(row.rule);
  if (origin !== undefined) return { reason: { kind: 'rule', origin }, text: `${word} by ${formatOrigin(origin)}` };
  if (verdict === 'deny') return { reason: { kind: 'closed' }, text: word };
  return row?.rule === 0
    ? { reason: { kind: 'not-isolated' }, text: `${word} by default` }
    : { reason: { kind: 'not-isolated' }, text: `${word} by a rule that is gone` };
}

/** The second identity under which the datapath looks for a pod or node. */
function coveringCidr(peer: Identity, addr: Addr | undefined, { cidrs, settings }: PolicyRepository): IdentityId[] {
  const party = partyOf(peer, addr);
  if (addr === undefined || party.kind === 'world' || !hasCidr(settings, party)) return [];
  const covering = cidrs.of(addr);
  return covering === undefined ? [] : [covering.id];
}

/** Policies that were left out isolate and admit nobody. */
function inForce(entries: PolicyEntry[], direction: Direction, state: DirectionState | undefined): PolicyEntry[] {
  return entries.map((entry) => {
    const without = entry.direction === direction && state?.without.includes(policyKey(entry.origin)) === true;
    return without ? { ...entry, peers: [] } : entry;
  });
}
