import {
  type Entity,
  type Identity,
  type IdentityId,
  identityId,
  type ReservedIdentity,
  type ReservedName,
} from '../model/index.ts';

/** Numbers of the reserved identities; Cilium's, because they appear in flows that its users read. */
export const RESERVED_IDS: Readonly<Record<ReservedName, IdentityId>> = {
  unknown: identityId(0),
  host: identityId(1),
  /** Addresses outside the cluster that no registered prefix covers, of both families. */
  world: identityId(2),
  unmanaged: identityId(3),
  health: identityId(4),
  init: identityId(5),
  'remote-node': identityId(6),
  'kube-apiserver': identityId(7),
  ingress: identityId(8),
  'world-ipv4': identityId(9),
  'world-ipv6': identityId(10),
  'encrypted-overlay': identityId(11),
  /** Addresses of services, and of the ranges that services get addresses from, where no service answers. */
  'service-range': identityId(254),
  /** Addresses of the nodes' ranges for pods that no pod has. */
  'pod-range': identityId(255),
};

export type IdentityRange = { readonly first: number; readonly last: number };

/** Pods. Fits the 24-bit VXLAN VNI. */
export const CLUSTER_RANGE: IdentityRange = { first: 256, last: 65_535 };
/** Prefixes; meaningful on one node only and never on the wire. */
export const CIDR_RANGE: IdentityRange = { first: 1 << 24, last: (1 << 25) - 1 };

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
    case 'host':
    case 'kube-apiserver':
      return name === entity;
  }
}
