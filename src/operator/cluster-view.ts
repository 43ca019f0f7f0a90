import type { Clock, Lifecycle, Logger, Service } from '../base/index.ts';
import {
  IDENTITY,
  type KubeClient,
  NODE,
  NODE_ENDPOINT_SLICE,
  Reflector,
  type ReflectorStatus,
  type Resource,
} from '../kube/index.ts';
import type { IdentityId, IdentityObject, NodeEndpointSlice, NodeRow, ObjectRow } from '../model/index.ts';
import { Table } from '../table/index.ts';

export type ClusterViewOptions = {
  readonly client: KubeClient;
  readonly watchSeconds: number;
  readonly clock: Clock;
  readonly log: Logger;
};

/** What the operator knows of the cluster, by watching it. */
export class ClusterView implements Service {
  readonly identities = new Table<IdentityObject>(({ name }) => name);
  /** What nodes tell of their pods. */
  readonly slices = new Table<NodeEndpointSlice>(({ name }) => name);
  readonly nodes = new Table<NodeRow>(({ name }) => name);
  readonly #o: ClusterViewOptions;
  /** Since when a node that is asked about is known not to be there. */
  readonly #missing = new Map<string, number>();
  readonly #reflectors: { readonly kind: string; readonly status: () => ReflectorStatus }[] = [];

  constructor(options: ClusterViewOptions) {
    this.#o = options;
  }

  /** What is not there does not exist. */
  get synced(): boolean {
    return this.identities.synced && this.slices.synced && this.nodes.synced;
  }

  /** Why something may be out of date; empty: nothing is. */
  get problems(): string[] {
    return this.#reflectors.flatMap(({ kind, status }) => {
      const { problem } = status();
      return problem === undefined ? [] : [`${kind}: ${problem}`];
    });
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    this.#follow(lifecycle, IDENTITY, this.identities);
    this.#follow(lifecycle, NODE, this.nodes);
    this.#follow(lifecycle, NODE_ENDPOINT_SLICE, this.slices);
  }

  /** Numbers that nodes say that their pods have. */
  get used(): ReadonlySet<IdentityId> {
    const used = new Set<IdentityId>();
    for (const { endpoints } of this.slices.rows.values()) {
      for (const { own } of endpoints) if (own !== undefined) used.add(own.identity);
    }
    return used;
  }

  /** A node that is new, or was deleted a moment ago, may not have been heard of: it counts. */
  isNode(name: string): boolean {
    if (this.nodes.get(name) !== undefined) {
      this.#missing.delete(name);
      return true;
    }
    const now = this.#o.clock.elapsed();
    const since = this.#missing.get(name) ?? now;
    this.#missing.set(name, since);
    return now - since < 2 * this.#o.watchSeconds * 1_000 + 10_000;
  }

  #follow<T extends ObjectRow>(lifecycle: Lifecycle, resource: Resource<T>, table: Table<T>): void {
    const { client, watchSeconds, clock, log } = this.#o;
    const reflector = new Reflector({ client, resource, log, clock, watchSeconds });
    this.#reflectors.push({ kind: resource.kind, status: () => reflector.status() });
    lifecycle.spawn(`reflector ${resource.kind}`, async (signal) => {
      for await (const batch of reflector.batches(signal)) table.apply(batch);
    });
  }
}
