import {
  type Entity,
  IDENTITY_CIDR_MAX,
  IDENTITY_CIDR_MIN,
  IDENTITY_CLUSTER_MAX,
  IDENTITY_CLUSTER_MIN,
  type Identity,
  type IdentityId,
  RESERVED_NAME,
  type ReservedIdentity,
  type ReservedName,
} from '../model/index.ts';

/** Numbers of the reserved identities: those of bpf/lib/reserved.h. */
export const RESERVED_IDS = RESERVED_NAME as unknown as Readonly<Record<ReservedName, IdentityId>>;

export type IdentityRange = { readonly first: number; readonly last: number };

/** Pods. Fits the 24-bit VXLAN VNI. */
export const CLUSTER_RANGE: IdentityRange = { first: IDENTITY_CLUSTER_MIN, last: IDENTITY_CLUSTER_MAX };
/** Prefixes; meaningful on one node only and never on the wire. */
export const CIDR_RANGE: IdentityRange = { first: IDENTITY_CIDR_MIN, last: IDENTITY_CIDR_MAX };

const byId = new Map<number, ReservedIdentity>(
  (Object.entries(RESERVED_IDS) as [ReservedName, IdentityId][]).map(([name, id]) => [
    id,
    { kind: 'reserved', id, name },
  ]),
);

/** Those that a packet's peer can have; `unknown` (any) is none of them. */
export const RESERVED_IDENTITIES: readonly ReservedIdentity[] = [...byId.values()].filter(
  ({ name }) => name !== 'unknown',
);

export function reservedIdentity(id: IdentityId): ReservedIdentity | undefined {
  return byId.get(id);
}

export function isCidrId(id: IdentityId): boolean {
  return id >= CIDR_RANGE.first && id <= CIDR_RANGE.last;
}

/** Does the entity include the identity? */
export function entityIncludes(entity: Entity, identity: Identity): boolean {
  const world = identity.kind === 'cidr' || (identity.kind === 'reserved' && identity.name.startsWith('world'));
  const name = identity.kind === 'reserved' ? identity.name : undefined;
  switch (entity) {
    case 'all':
      return true;
    case 'world':
      return world;
    case 'cluster':
      return !world;
    case 'remote-node':
      return name === 'remote-node' || name === 'kube-apiserver';
    case 'kube-apiserver':
      return name === entity || (identity.kind === 'cidr' && identity.isApiServer);
    case 'host':
      return name === entity;
  }
}
