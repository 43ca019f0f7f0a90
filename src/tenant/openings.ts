import type { NamespacedName } from '../base/index.ts';
import {
  type Direction,
  type IdentityId,
  identityId,
  type PodIdentity,
  type ServiceSpec,
  type TenantRow,
  type Workload,
  workloadKey,
} from '../model/index.ts';
import type { Membership } from './membership.ts';
import { importedBy, type Share } from './sharing.ts';

/** Beyond the own tenant: this port, of the other or of oneself. */
export type Opening = { readonly other: Workload } & Pick<Share, 'protocol' | 'port'>;

export type OpeningsWorld = {
  readonly membership: Membership;
  readonly service: (key: NamespacedName) => ServiceSpec | undefined;
  /** Everybody who is asked about. */
  readonly workloads: Iterable<Workload>;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

type ByDirection = Readonly<Record<Direction, ReadonlyMap<IdentityId, readonly Share[]>>>;

/** What the floor leaves to policies between pods, whatever numbers they have. */
export class Openings {
  readonly #world: OpeningsWorld;
  readonly #identities: readonly PodIdentity[];
  readonly #ids: ReadonlyMap<string, IdentityId>;
  #shares: ByDirection | undefined;

  constructor(world: OpeningsWorld) {
    this.#world = world;
    const kinds = new Map(Array.from(world.workloads, (workload) => [workloadKey(workload), workload]));
    this.#identities = Array.from(kinds.values(), (workload, at) => ({ kind: 'pod', id: identityId(at), workload }));
    this.#ids = new Map(Array.from(kinds.keys(), (key, at) => [key, identityId(at)]));
  }

  /** Whose the namespace is; undefined: no tenant's, or closed. */
  tenantOf(namespace: string): TenantRow | undefined {
    const owner = this.#world.membership.of(namespace);
    return owner.state === 'tenant' ? owner.tenant : undefined;
  }

  /** Who beyond its tenant may open to it, or whom it may, if policies let them. */
  shared(workload: Workload, direction: Direction): readonly Opening[] {
    this.#shares ??= this.#all();
    const id = this.#ids.get(workloadKey(workload));
    const found = (id === undefined ? undefined : this.#shares[direction].get(id)) ?? [];
    return found.flatMap(({ opener, responder, protocol, port }) => {
      const other = this.#identities[direction === 'ingress' ? opener : responder];
      return other === undefined ? [] : [{ other: other.workload, protocol, port }];
    });
  }

  #all(): ByDirection {
    const { membership, service, now } = this.#world;
    const byNamespace = Map.groupBy(this.#identities, ({ workload }) => workload.namespace);
    const namespaces = Map.groupBy(byNamespace.keys(), (namespace) => this.tenantOf(namespace)?.name);
    const shares = Array.from(membership.tenants.values()).flatMap((tenant) =>
      Array.from(
        importedBy(tenant, {
          membership,
          service,
          identitiesOf: (namespace) => byNamespace.get(namespace) ?? [],
          namespacesOf: (name) => namespaces.get(name) ?? [],
          systemServices: membership.settings.systemServices,
          // They are no pods.
          apiServers: [],
          now,
        }).shares.values(),
      ),
    );
    return {
      ingress: Map.groupBy(shares, ({ responder }) => responder),
      egress: Map.groupBy(shares, ({ opener }) => opener),
    };
  }
}
