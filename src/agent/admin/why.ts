import type { TraceView, WhyRequest, WhyView } from '../../api/index.ts';
import { isMembraneError } from '../../base/index.ts';
import type { IdentityId } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import type { Accounts, Prover } from '../../plane/index.ts';
import { type NetworkPolicyDraft, readPolicy } from '../../policy/index.ts';
import { type Cell, type Change, cellText, type Peer } from '../../reach/index.ts';
import { readPolicyObjects } from './proposal.ts';
import { trace } from './trace.ts';
import { destinationOf, routeOf } from './trace-destination.ts';
import { type End, resolveEnd, type TraceContext } from './trace-ends.ts';
import { asSeen } from './trace-path.ts';
import { changesBy } from './why-changes.ts';
import { draftsFor, type Wanted } from './why-drafts.ts';

export type WhyContext = TraceContext & { readonly prover: Pick<Prover, 'prove'> };

/** Names for people of who is at an end; undefined: nothing is told of it. */
export type NameOf = (accounts: Accounts) => (peer: Peer) => string | undefined;

/** What is known of a connection: as a trace says it; where it is denied, what would let it pass, or why nothing would. */
export type Considered = {
  readonly trace: TraceView;
  readonly remedy?: {
    readonly policies: readonly NetworkPolicyDraft[];
    /** Of a trace with them. */
    readonly after: TraceView['steps'];
    readonly changes: readonly Change[];
    readonly accounts: Accounts;
  };
  readonly refusal?: string;
};

const MOST_TOLD = 100;
const ECHO_REQUEST = 8 << 8;
const NO_PREFIX = 0 as IdentityId;

/**
 * Why a connection would be dropped, and what would let it pass: the least NetworkPolicies, and all that they would open and
 * close besides. Writes nothing. E_AGENT_NOT_FOUND, E_AGENT_NOT_JUDGED, E_AGENT_TOO_MUCH, E_PLANE_UNSETTLED.
 */
export async function why(request: WhyRequest, context: WhyContext, nameOf: NameOf): Promise<WhyView> {
  const { trace: seen, remedy, refusal } = await consider(request, context);
  if (remedy === undefined) return { trace: seen, ...(refusal === undefined ? {} : { noChange: refusal }) };
  const { policies, after, changes, accounts } = remedy;
  const name = nameOf(accounts);
  const opens = told(changes, name, ({ opens: cells }) => cells);
  const closes = told(changes, name, ({ closes: cells }) => cells);
  const more = Math.max(0, opens.length - MOST_TOLD) + Math.max(0, closes.length - MOST_TOLD);
  const change = { after, opens: opens.slice(0, MOST_TOLD), closes: closes.slice(0, MOST_TOLD), more };
  return { trace: seen, change: { policies: policies.map((policy) => ({ ...policy })), ...change } };
}

export async function consider(request: WhyRequest, context: WhyContext): Promise<Considered> {
  const seen = trace(request, context);
  if (seen.verdict === 'allowed') return { trace: seen };
  const drop = seen.steps.find((step) => step.verdict === 'denied' && step.drop !== undefined);
  if (drop !== undefined) return { trace: seen, refusal: `no NetworkPolicy opens it: ${drop.reason}` };
  const { accounts } = await context.prover.prove();
  const wanted = wantedOf(request, context);
  const policies = draftsFor(wanted, accounts, context);
  const after = tryOut(request, policies, context);
  if (typeof after === 'string') return { trace: seen, refusal: after };
  const added = readPolicyObjects(policies).flatMap((policy) => readPolicy(policy).entries);
  return { trace: seen, remedy: { policies, after, changes: await changesBy(added, wanted, accounts), accounts } };
}

/** Each pair of ends that the connection may have, as its policies see them. */
function wantedOf(request: WhyRequest, context: TraceContext): Wanted[] {
  const { protocol } = request;
  const from = resolveEnd(request.from, context);
  const { ends } = routeOf(from, destinationOf(request, context), protocol, context);
  return ends.map(({ from: one, to: other, port = 0 }) => {
    const [opener, responder] = [asSeen(one, other, context), asSeen(other, one, context)];
    return {
      opener: peerAt(opener),
      responder: peerAt(responder),
      openerName: opener.name,
      responderName: responder.name,
      point: { protocol: PROTOCOL_NUMBERS[protocol], port: protocol === 'ICMP' ? ECHO_REQUEST : port },
    };
  });
}

const peerAt = ({ identity, addr }: End): Peer => ({ identity: identity.id, cidr: NO_PREFIX, addr });

/** The steps by which it passes with these, as a trace with them in a file says; or why they would not do. */
function tryOut(
  request: WhyRequest,
  policies: readonly NetworkPolicyDraft[],
  context: TraceContext,
): TraceView['steps'] | string {
  const nothing = 'no NetworkPolicy can say whom it would have to admit: name an address';
  const pending = 'its policies would let it pass, and are not in force: `membrane policy list` says why';
  if (policies.length === 0) {
    const { proposed } = trace({ ...request, proposed: [] }, context);
    return proposed?.verdict === 'allowed' ? pending : nothing;
  }
  try {
    const { proposed } = trace({ ...request, proposed: [...policies] }, context);
    if (proposed?.verdict === 'allowed') return proposed.steps;
    const last = proposed?.steps.findLast(({ verdict }) => verdict === 'denied');
    return `no NetworkPolicy opens it: even with one, it is ${last?.reason}`;
  } catch (error) {
    if (!isMembraneError(error, 'E_AGENT_PROPOSAL')) throw error;
    return `no NetworkPolicy can say it: ${error.message}`;
  }
}

type Told = { readonly from: string; readonly to: string; readonly packets: string[] };

/** Those of the same names as one, in the order of names. */
function told(
  changes: readonly Change[],
  name: (peer: Peer) => string | undefined,
  cellsOf: (change: Change) => readonly Cell[],
): Told[] {
  const byNames = new Map<string, Told>();
  for (const change of changes) {
    const packets = cellsOf(change).map(cellText);
    if (packets.length === 0) continue;
    const [from, to] = [name(change.opener), name(change.responder)];
    if (from === undefined || to === undefined) continue;
    const known = byNames.get(`${from}\n${to}`) ?? { from, to, packets: [] };
    byNames.set(`${from}\n${to}`, known);
    known.packets.push(...packets.filter((text) => !known.packets.includes(text)));
  }
  return [...byNames.values()].sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1));
}
