import type { Clock, Lifecycle, Logger, Service } from '../base/index.ts';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import {
  KEPT_TENANT,
  type KeptTenant,
  type KubeClient,
  NAMESPACE,
  Reflector,
  type Resource,
  SERVICE,
} from '../kube/index.ts';
import type { NamespaceRow, ObjectRow, ServiceSpec } from '../model/index.ts';
import { Table } from '../table/index.ts';

export type TenantViewOptions = {
  readonly client: KubeClient;
  readonly watchSeconds: number;
  readonly clock: Clock;
  readonly log: Logger;
};

/** What the operator knows of tenants, by watching. */
export class TenantView implements Service {
  readonly tenants = new Table<KeptTenant>(({ name }) => name);
  readonly namespaces = new Table<NamespaceRow>(({ name }) => name);
  readonly services = new Table<ServiceSpec, NamespacedName>(namespacedName);
  readonly #o: TenantViewOptions;
  #changes = 0;

  constructor(options: TenantViewOptions) {
    this.#o = options;
    for (const { changed } of [this.tenants, this.namespaces, this.services]) {
      changed.listen(() => {
        this.#changes += 1;
      });
    }
  }

  /** Another number: something is other than it was. */
  get changes(): number {
    return this.#changes;
  }

  get synced(): boolean {
    return this.tenants.synced && this.namespaces.synced && this.services.synced;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    this.#follow(lifecycle, KEPT_TENANT, this.tenants);
    this.#follow(lifecycle, NAMESPACE, this.namespaces);
    this.#follow(lifecycle, SERVICE, this.services);
  }

  #follow<T extends ObjectRow, K extends string>(
    lifecycle: Lifecycle,
    resource: Resource<T>,
    table: Table<T, K>,
  ): void {
    const { client, watchSeconds, clock, log } = this.#o;
    const reflector = new Reflector({ client, resource, log, clock, watchSeconds });
    lifecycle.spawn(`reflector ${resource.kind}`, async (signal) => {
      for await (const batch of reflector.batches(signal)) table.apply(batch);
    });
  }
}
