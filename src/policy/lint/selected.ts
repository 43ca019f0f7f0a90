import { SelectorCache, selectorKey } from '../../identity/index.ts';
import { type IdentityId, identityId, type PodSelector, type Workload, workloadKey } from '../../model/index.ts';

/** Those of a selector. */
export type Selection = {
  readonly members: ReadonlySet<IdentityId>;
  /** How many of them each tenant has; undefined: those of none. */
  readonly perTenant: ReadonlyMap<string | undefined, number>;
};

/** Who is selected by what, asked by index: a selector costs those that it selects, not all that there are. */
export class Selected {
  readonly #cache = new SelectorCache();
  readonly #workloads: readonly Workload[];
  readonly #ids: ReadonlyMap<string, IdentityId>;
  readonly #tenantOf: (namespace: string) => string | undefined;
  readonly #known = new Map<string, Selection>();
  #everybody: Selection | undefined;

  constructor(workloads: Iterable<Workload>, tenantOf: (namespace: string) => string | undefined) {
    const kinds = new Map(Array.from(workloads, (workload) => [workloadKey(workload), workload]));
    this.#workloads = [...kinds.values()];
    this.#ids = new Map(Array.from(kinds.keys(), (key, at) => [key, identityId(at)]));
    this.#tenantOf = tenantOf;
    for (const [at, workload] of this.#workloads.entries()) {
      this.#cache.upsert({ kind: 'pod', id: identityId(at), workload });
    }
  }

  get everybody(): Selection {
    this.#everybody ??= this.#selection(new Set(this.#ids.values()));
    return this.#everybody;
  }

  by(selector: PodSelector): Selection {
    const key = selectorKey(selector);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#selection(this.#cache.membersAt(this.#cache.acquire(selector)));
    this.#known.set(key, found);
    return found;
  }

  workloadsOf({ members }: Selection): Workload[] {
    return Array.from(members).flatMap((id) => this.#workloads[id] ?? []);
  }

  idOf(workload: Workload): IdentityId | undefined {
    return this.#ids.get(workloadKey(workload));
  }

  tenantOf(id: IdentityId): string | undefined {
    const workload = this.#workloads[id];
    return workload && this.#tenantOf(workload.namespace);
  }

  #selection(members: ReadonlySet<IdentityId>): Selection {
    const perTenant = new Map<string | undefined, number>();
    for (const id of members) {
      const tenant = this.tenantOf(id);
      perTenant.set(tenant, (perTenant.get(tenant) ?? 0) + 1);
    }
    return { members, perTenant };
  }
}
