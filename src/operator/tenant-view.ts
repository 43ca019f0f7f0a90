import type { Clock, Lifecycle, Logger, Service } from '../base/index.ts';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import {
  KEPT_TENANT,
  type KeptTenant,
  type KubeClient,
  NAMESPACE,
  NODE,
  NODE_PROOF,
  Reflector,
  type Resource,
  SERVICE,
} from '../kube/index.ts';
import type { NamespaceRow, NodeProof, NodeRow, ObjectRow, ServiceSpec } from '../model/index.ts';
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
  readonly nodes = new Table<NodeRow>(({ name }) => name);
  readonly proofs = new Table<NodeProof>(({ name }) => name);
  readonly #o: TenantViewOptions;
  #changes = 0;
  #proofChanges = 0;

  constructor(options: TenantViewOptions) {
    this.#o = options;
    for (const { changed } of [this.tenants, this.namespaces, this.services, this.nodes]) {
      changed.listen(() => {
        this.#changes += 1;
      });
    }
    this.proofs.changed.listen(() => {
      this.#proofChanges += 1;
    });
  }

  /** Another number: something is other than it was. */
  get changes(): number {
    return this.#changes;
  }

  /** Of proofs: nodes say them again all the time. */
  get proofChanges(): number {
    return this.#proofChanges;
  }

  get synced(): boolean {
    return [this.tenants, this.namespaces, this.services, this.nodes, this.proofs].every(({ synced }) => synced);
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    this.#follow(lifecycle, KEPT_TENANT, this.tenants);
    this.#follow(lifecycle, NAMESPACE, this.namespaces);
    this.#follow(lifecycle, SERVICE, this.services);
    this.#follow(lifecycle, NODE, this.nodes);
    this.#follow(lifecycle, NODE_PROOF, this.proofs);
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
