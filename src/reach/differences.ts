import {
  DIRECTIONS,
  type Direction,
  IDENTITY_CLUSTER_MAX,
  IDENTITY_CLUSTER_MIN,
  type IdentityId,
} from '../model/index.ts';
import { Borders, type Cell, pointOf } from './cells.ts';
import { floorBetween } from './decide.ts';
import type { IntentShare, IntentWorld } from './intent-world.ts';
import type { KernelDump, KernelShare, KernelSubject, KernelWorld } from './kernel-world.ts';
import { shareText } from './kernel-world.ts';
import type { Peer, PolicySide } from './world.ts';

/** Packets of which the kernel says otherwise than it is meant. */
export type Difference = {
  readonly layer: 'floor' | 'sharing' | 'policy';
  /** Of `policy`: at the opener's end or the responder's. */
  readonly direction: Direction | undefined;
  /** `opens`: the kernel lets pass what is not meant to. */
  readonly effect: 'opens' | 'closes';
  readonly opener: Peer;
  readonly responder: Peer;
  /** Undefined: all packets. */
  readonly cell: Cell | undefined;
  /** Pairs of ends of which the same is true for the same reason. */
  readonly pairs: number;
  /** What in the kernel says so. */
  readonly rows: readonly string[];
  readonly meant: readonly string[];
};

/** Of one sort: what says the same of a million packets is said once. */
const MOST = 1_000;

export type Compared = {
  readonly intent: IntentWorld;
  readonly kernel: KernelWorld;
  readonly dump: Pick<KernelDump, 'subjects' | 'shares'>;
  readonly intentShares: readonly IntentShare[];
  /** Everybody that a connection may be with, each sort once. */
  readonly peers: readonly Peer[];
};

/**
 * Every packet of which the two accounts differ, layer by layer: the floor between everybody, what is shared through it,
 * and policy at each end that is here, whether or not the floor would hold it back. Yields often.
 */
export function* differences(compared: Compared): Generator<Difference | undefined> {
  yield* floorDifferences(compared);
  yield* shareDifferences(compared);
  yield* policyDifferences(compared);
}

/** Who is said to be the same by both is asked for once. */
function* floorDifferences({ intent, kernel, peers }: Compared): Generator<Difference | undefined> {
  const sorts = Map.groupBy(peers, ({ identity, addr }) => {
    if (!isPod(identity)) return `other ${identity} ${addr ?? ''}`;
    return `${intent.owner(identity)?.group ?? '?'} ${kernel.row(identity)}`;
  });
  const some = sorts
    .values()
    .flatMap((sort) => sort.slice(0, 1))
    .toArray();
  const sizes = sorts
    .values()
    .map(({ length }) => length)
    .toArray();
  for (const [i, opener] of some.entries()) {
    yield undefined;
    for (const [j, responder] of some.entries()) {
      if (!isPod(opener.identity) && !isPod(responder.identity)) continue;
      const meant = floorBetween(intent, opener, responder);
      const found = floorBetween(kernel, opener, responder);
      if ((meant.refusal === undefined) === (found.refusal === undefined) && meant.mayBeShared === found.mayBeShared)
        continue;
      const rows = [
        ...(isPod(opener.identity) ? kernel.floorRows(opener.identity, responder.addr) : []),
        ...(isPod(responder.identity) ? kernel.floorRows(responder.identity, opener.addr) : []),
      ];
      yield {
        layer: 'floor',
        direction: undefined,
        effect: found.refusal === undefined || found.mayBeShared ? 'opens' : 'closes',
        opener,
        responder,
        cell: undefined,
        pairs: (sizes[i] ?? 0) * (sizes[j] ?? 0),
        rows,
        meant: [meant.refusal ?? 'no floor lies between them'],
      };
    }
  }
}

function* shareDifferences({ dump, intentShares }: Compared): Generator<Difference | undefined> {
  const meant = new Map(intentShares.map((share) => [shareText(share), share]));
  const found = new Map(dump.shares.map((share) => [shareText(share), share]));
  for (const [text, share] of found) {
    if (!meant.has(text)) yield ofShare(share, 'opens', [text], ['no export and import of their tenants says so']);
  }
  for (const [text, share] of meant) {
    if (!found.has(text)) yield ofShare(share, 'closes', [`no ${text}`], ['both tenants say so']);
  }
}

const alone = (identity: IdentityId): Peer => ({ identity, cidr: 0 as IdentityId, addr: undefined });

function ofShare(
  { opener, responder, protocol, port }: KernelShare,
  effect: Difference['effect'],
  rows: readonly string[],
  meant: readonly string[],
): Difference {
  const cell = { protocol, from: port, to: port };
  const ends = { opener: alone(opener), responder: alone(responder) };
  return { layer: 'sharing', direction: undefined, effect, ...ends, cell, pairs: 1, rows, meant };
}

function* policyDifferences({ intent, kernel, dump, peers }: Compared): Generator<Difference | undefined> {
  for (const direction of DIRECTIONS) {
    // Subjects that both accounts treat alike.
    const sorts = Map.groupBy(
      dump.subjects,
      ({ identity, tables }) => `${tables.join()} ${intent.subjectKey(identity, direction)}`,
    );
    for (const subjects of sorts.values()) {
      yield* ofSubjects(subjects, direction, { intent, kernel, peers });
    }
  }
}

function* ofSubjects(
  subjects: readonly KernelSubject[],
  direction: Direction,
  { intent, kernel, peers }: Pick<Compared, 'intent' | 'kernel' | 'peers'>,
): Generator<Difference | undefined> {
  const [subject] = subjects;
  if (subject === undefined) return;
  const sorts = new Map<PolicySide, Map<PolicySide | undefined, Peer[]>>();
  for (const peer of peers) {
    const found = kernel.sideOf(subject.tables, direction, peer);
    const meant = intent.side(subject.identity, direction, peer);
    const of = sorts.get(found) ?? new Map<PolicySide | undefined, Peer[]>();
    sorts.set(found, of);
    const list = of.get(meant);
    if (list === undefined) of.set(meant, [peer]);
    else list.push(peer);
  }
  for (const [found, of] of sorts) {
    for (const [meant, [peer, ...others]] of of) {
      yield undefined;
      if (peer === undefined) continue;
      const self = alone(subject.identity);
      const [opener, responder] = direction === 'egress' ? [self, peer] : [peer, self];
      const pairs = subjects.length * (others.length + 1);
      for (const { cell, ...what } of sideDifferences(meant, found)) {
        yield { layer: 'policy', direction, opener, responder, cell, pairs, ...what };
      }
    }
  }
}

type SideDifference = Pick<Difference, 'effect' | 'rows' | 'meant'> & { readonly cell: Cell };

/** A subject that nobody means to be here may do nothing. */
function sideDifferences(meant: PolicySide | undefined, found: PolicySide): SideDifference[] {
  const borders = new Borders().addAll(found.borders);
  if (meant !== undefined) borders.addAll(meant.borders);
  const differences: SideDifference[] = [];
  for (const cell of borders.cells()) {
    const point = pointOf(cell);
    const allowed = found.allows(point);
    if (allowed === (meant?.allows(point) ?? false)) continue;
    const what = {
      effect: allowed ? ('opens' as const) : ('closes' as const),
      rows: found.why(point),
      meant: meant?.why(point) ?? ['nobody of this identity is meant to be here'],
    };
    const last = differences.at(-1);
    const isSame =
      last?.effect === what.effect && last.rows.join() === what.rows.join() && last.meant.join() === what.meant.join();
    if (last !== undefined && isSame && last.cell.protocol === cell.protocol && last.cell.to === cell.from - 1) {
      differences[differences.length - 1] = { ...last, cell: { ...last.cell, to: cell.to } };
    } else if (differences.length < MOST) differences.push({ cell, ...what });
  }
  return differences;
}

const isPod = (id: IdentityId): boolean => id >= IDENTITY_CLUSTER_MIN && id <= IDENTITY_CLUSTER_MAX;
