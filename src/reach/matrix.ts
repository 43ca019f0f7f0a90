import type { IdentityId } from '../model/index.ts';
import { type Cell, pointOf } from './cells.ts';
import { decide, floorBetween } from './decide.ts';
import type { Owner, Peer, World } from './world.ts';

/** Pods of one tenant that are known, by identity. Of no name: namespaces that no Tenant claims. */
export type TenantMembers = { readonly name: string; readonly identities: readonly IdentityId[] };

/**
 * - `isolated`: no packet of the one opens a connection to the other.
 * - `shared`: only what the one exports and the other imports.
 * - `together`: no floor lies between them: policy decides, as within a tenant.
 * - `empty`: one of them has no pod that is known.
 */
export type Standing = 'isolated' | 'shared' | 'together' | 'empty';

export type TenantPair = {
  readonly from: string;
  readonly to: string;
  readonly standing: Standing;
  /** Pairs of identities and ports that are shared. */
  readonly shares: number;
  /** Of those the first that policies of both ends, as far as this account knows them, let pass too. */
  readonly example:
    | {
        readonly opener: IdentityId;
        readonly responder: IdentityId;
        readonly cell: Cell;
        readonly why: readonly string[];
      }
    | undefined;
};

type Sort = { readonly owner: Owner | undefined; readonly one: IdentityId };

/**
 * Every ordered pair of tenants, for all packets: who is said to be the same is asked for once, so that the price is that of
 * tenants and of what they share, not of pods. Yields often.
 */
export function* tenantPairs(
  world: World,
  tenants: readonly TenantMembers[],
  shares: readonly {
    readonly opener: IdentityId;
    readonly responder: IdentityId;
    readonly protocol: number;
    readonly port: number;
  }[],
): Generator<TenantPair | undefined> {
  const sorts = new Map(tenants.map(({ name, identities }) => [name, sortsOf(world, identities)]));
  const tenantOf = new Map(tenants.flatMap(({ name, identities }) => identities.map((id) => [id, name] as const)));
  const between = Map.groupBy(shares, ({ opener, responder }) => `${tenantOf.get(opener)}\n${tenantOf.get(responder)}`);
  for (const from of tenants) {
    yield undefined;
    for (const to of tenants) {
      if (from === to) continue;
      const openers = sorts.get(from.name) ?? [];
      const responders = sorts.get(to.name) ?? [];
      const own = between.get(`${from.name}\n${to.name}`) ?? [];
      yield { from: from.name, to: to.name, ...standingOf(world, { openers, responders, shares: own }) };
    }
  }
}

function standingOf(
  world: World,
  {
    openers,
    responders,
    shares,
  }: { openers: readonly Sort[]; responders: readonly Sort[]; shares: Parameters<typeof tenantPairs>[2] },
): Omit<TenantPair, 'from' | 'to'> {
  if (openers.length === 0 || responders.length === 0) return { standing: 'empty', shares: 0, example: undefined };
  const isOpen = openers.some(({ one }) =>
    responders.some((responder) => floorBetween(world, alone(one), alone(responder.one)).refusal === undefined),
  );
  if (isOpen) return { standing: 'together', shares: shares.length, example: undefined };
  const held = shares.filter(
    ({ opener, responder }) => floorBetween(world, alone(opener), alone(responder)).mayBeShared,
  );
  for (const { opener, responder, protocol, port } of held.slice(0, LOOKED_AT)) {
    const cell = { protocol, from: port, to: port };
    const { passes, why } = decide(world, { opener: alone(opener), responder: alone(responder) }, pointOf(cell));
    if (passes) return { standing: 'shared', shares: held.length, example: { opener, responder, cell, why } };
  }
  return { standing: held.length > 0 ? 'shared' : 'isolated', shares: held.length, example: undefined };
}

const alone = (identity: IdentityId): Peer => ({ identity, cidr: 0 as IdentityId, addr: undefined });

/** For an example; whether they are shared does not hang on it. */
const LOOKED_AT = 100;

function sortsOf(world: World, identities: readonly IdentityId[]): Sort[] {
  const sorts = new Map<string, Sort>();
  /** Nearly all have the same object. */
  const seen = new Set<Owner | undefined>();
  for (const one of identities) {
    const owner = world.owner(one);
    if (seen.has(owner)) continue;
    seen.add(owner);
    const key = owner === undefined ? '?' : JSON.stringify(owner);
    if (!sorts.has(key)) sorts.set(key, { owner, one });
  }
  return [...sorts.values()];
}
