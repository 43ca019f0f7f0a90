import { inSlices, type Steps } from '../../base/index.ts';
import type { PolicyEntry } from '../../model/index.ts';
import type { Accounts } from '../../plane/index.ts';
import { selectsPod } from '../../policy/index.ts';
import { type Change, changes, type Pair, type Peer, without } from '../../reach/index.ts';
import { agentErrors } from '../errors.ts';
import type { Wanted } from './why-drafts.ts';

const MOST_PAIRS = 2_000_000;

/**
 * All that more entries of policies would let pass or end, but what is wanted: between their pods and everybody whom this
 * node knows, for all packets. E_AGENT_TOO_MUCH.
 */
export async function changesBy(
  added: readonly PolicyEntry[],
  wanted: readonly Wanted[],
  accounts: Accounts,
): Promise<Change[]> {
  const { intent } = accounts;
  const after = intent.with((subject, entries) => [
    ...entries,
    ...added.filter((entry) => selectsPod(entry.subject, subject)),
  ]);
  const pairs = pairsOf(added, wanted, accounts);
  if (pairs.length > MOST_PAIRS) throw agentErrors.make('E_AGENT_TOO_MUCH', { detail: `${pairs.length} pairs` });
  return (await inSlices(collect(changes(intent, after, pairs)))).flatMap((change) => othersOf(change, wanted));
}

function* collect(all: Iterable<Change | undefined>): Steps<Change[]> {
  const found: Change[] = [];
  for (const change of all) {
    if (change !== undefined) found.push(change);
    yield;
  }
  return found;
}

/** Whose connections the entries are about: their pods with everybody, in their direction. */
function pairsOf(added: readonly PolicyEntry[], wanted: readonly Wanted[], { identities, peers }: Accounts): Pair[] {
  const everybody = distinct([...wanted.flatMap(({ opener, responder }) => [opener, responder]), ...peers]);
  const pairs: Pair[] = [];
  for (const direction of ['egress', 'ingress'] as const) {
    const entries = added.filter((entry) => entry.direction === direction);
    const subjects = everybody.filter(({ identity: id }) => {
      const identity = identities.get(id);
      return identity?.kind === 'pod' && entries.some(({ subject }) => selectsPod(subject, identity.workload));
    });
    for (const subject of subjects) {
      for (const peer of everybody)
        pairs.push(
          direction === 'egress' ? { opener: subject, responder: peer } : { opener: peer, responder: subject },
        );
    }
  }
  return [...new Map(pairs.map((pair) => [`${peerKey(pair.opener)}>${peerKey(pair.responder)}`, pair])).values()];
}

/** Pods of one identity are one, unless a prefix of a policy tells them apart. */
function distinct(peers: readonly Peer[]): Peer[] {
  return [...new Map(peers.map((peer) => [peerKey(peer), peer])).values()];
}

const peerKey = ({ identity, addr }: Peer): string => `${identity} ${addr ?? ''}`;

const isSame = (a: Peer, b: Peer): boolean => a.identity === b.identity && a.addr === b.addr;

function othersOf(change: Change, wanted: readonly Wanted[]): Change[] {
  const asked = wanted
    .filter((one) => isSame(one.opener, change.opener) && isSame(one.responder, change.responder))
    .map(({ point: { protocol, port } }) => ({ protocol, from: port, to: port }));
  const opens = without(change.opens, asked);
  return opens.length + change.closes.length === 0 ? [] : [{ ...change, opens }];
}
