import { IDENTITY_CLUSTER_MAX, IDENTITY_CLUSTER_MIN, type IdentityId, RESERVED_NAME } from '../model/index.ts';
import { isMetadata, protocolName } from '../net/index.ts';
import { Borders, type Cell, isCarried, type Point, pointOf } from './cells.ts';
import type { Owner, Peer, PolicySide, World } from './world.ts';

export type Pair = { readonly opener: Peer; readonly responder: Peer };

export type FloorVerdict = {
  /** Undefined: policy decides. */
  readonly refusal:
    | 'tenant-unknown'
    | 'tenant-closed'
    | 'tenant-boundary'
    | 'tenant-nodes'
    | 'tenant-world'
    | 'tenant-metadata'
    | undefined;
  /** Where both share, policy decides all the same. */
  readonly mayBeShared: boolean;
};

const OPEN: FloorVerdict = { refusal: undefined, mayBeShared: false };

const isPod = (id: IdentityId): boolean => id >= IDENTITY_CLUSTER_MIN && id <= IDENTITY_CLUSTER_MAX;
const isHost = (id: IdentityId): boolean => id === RESERVED_NAME.host;
const isNode = (id: IdentityId): boolean =>
  id === RESERVED_NAME['remote-node'] || id === RESERVED_NAME['kube-apiserver'];

/** Of a pod its address has no part in it. */
export type FloorEnd = Pick<Peer, 'identity' | 'addr'>;

/** What the floor says of all packets that the one opens to the other with: it knows no port but those that are shared. */
export function floorBetween(world: Pick<World, 'owner'>, opener: FloorEnd, responder: FloorEnd): FloorVerdict {
  const refused = (refusal: FloorVerdict['refusal'], mayBeShared = false): FloorVerdict => ({ refusal, mayBeShared });
  const from = isPod(opener.identity) ? world.owner(opener.identity) : null;
  const to = isPod(responder.identity) ? world.owner(responder.identity) : null;
  if (from === null && to === null) return OPEN;
  if (from === undefined || to === undefined) return refused('tenant-unknown');
  if (from !== null && to !== null) {
    if (from.isClosed || to.isClosed) return refused('tenant-closed');
    return from.group === to.group ? OPEN : refused('tenant-boundary', true);
  }
  const opens = from !== null;
  const { identity, addr } = opens ? responder : opener;
  if (!opens && isHost(identity)) return OPEN;
  const own = (from ?? to) as Owner;
  if (own.isClosed) return refused('tenant-closed');
  if (own.noMetadata && addr !== undefined && isMetadata(addr)) return refused('tenant-metadata');
  if (isHost(identity) || isNode(identity)) {
    return (opens ? own.noToNodes : own.noFromNodes) ? refused('tenant-nodes', true) : OPEN;
  }
  // Of whom nobody knows an address nothing is listed.
  const isListed = addr !== undefined && own.lists(addr);
  return own.noWorld && !isListed ? refused('tenant-world', true) : OPEN;
}

/** Packets that pass from end to end, and why; `why` is asked for by who shows it. */
export type Passage = { readonly cell: Cell; why(): readonly string[] };

/**
 * All packets by which the one reaches the other, and no others: both floors, the opener's egress and the responder's
 * ingress let them pass. Sides of which this world says nothing let everything pass here. In the order of `Borders.cells`.
 */
export function* passages(world: World, { opener, responder }: Pair): Generator<Passage> {
  const floor = floorBetween(world, opener, responder);
  const sides = sidesOf(world, { opener, responder });
  const passes = (point: Point): boolean => sides.every((side) => side.allows(point));
  const why = (first: string, point: Point) => () => [first, ...sides.flatMap((side) => side.why(point))];
  if (floor.refusal === undefined) {
    const borders = new Borders();
    for (const side of sides) borders.addAll(side.borders);
    for (const cell of borders.cells()) {
      const point = pointOf(cell);
      if (isCarried(cell) && passes(point)) yield { cell, why: why('no floor lies between them', point) };
    }
    return;
  }
  if (!floor.mayBeShared) return;
  for (const { protocol, port, text } of world.shared(opener.identity, responder.identity)) {
    const cell = { protocol, from: port, to: port };
    if (isCarried(cell) && passes({ protocol, port })) yield { cell, why: why(text, { protocol, port }) };
  }
}

function sidesOf(world: World, { opener, responder }: Pair): PolicySide[] {
  const egress = isPod(opener.identity) ? world.side(opener.identity, 'egress', responder) : undefined;
  const ingress = isPod(responder.identity) ? world.side(responder.identity, 'ingress', opener) : undefined;
  return [egress, ingress].filter((side) => side !== undefined);
}

/** Would this packet pass? And, where the floor refuses it, its reason. */
export function decide(
  world: World,
  pair: Pair,
  point: Point,
): { readonly passes: boolean; readonly why: readonly string[] } {
  const { opener, responder } = pair;
  const floor = floorBetween(world, opener, responder);
  const chain: string[] = [];
  if (floor.refusal !== undefined) {
    const shared = floor.mayBeShared ? world.shared(opener.identity, responder.identity) : [];
    const found = shared.find(({ protocol, port }) => protocol === point.protocol && port === point.port);
    if (found === undefined) return { passes: false, why: [floor.refusal] };
    chain.push(found.text);
  }
  for (const side of sidesOf(world, pair)) {
    chain.push(...side.why(point));
    if (!side.allows(point)) return { passes: false, why: chain };
  }
  return { passes: true, why: chain };
}

/** `TCP 5432`, `UDP 1-65535`, `TCP`. */
export function cellText({ protocol, from, to }: Cell): string {
  const name = protocolName(protocol);
  if (name === 'ICMP' || (from === 0 && to === 0xffff)) return name;
  return from === to ? `${name} ${from}` : `${name} ${from}-${to}`;
}
