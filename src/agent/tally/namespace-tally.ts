import type { EndpointCount } from '../../datapath/index.ts';
import type { Direction, DropReason, EndpointId } from '../../model/index.ts';
import type { Membership } from '../../tenant/index.ts';
import { BoundedSeries, type BoundedSeriesOptions, type SeriesName } from './bounded-series.ts';
import { NODE, ownerOf } from './owner.ts';

export type NamespaceCount = {
  readonly tenant: string;
  readonly namespace: string;
  readonly count: number;
  /** Flows that were not told; else packets that were dropped. */
  readonly what: { readonly kind: 'missed' } | Dropped;
};
type Dropped = { readonly kind: 'drop'; readonly reason: DropReason; readonly direction: Direction };

export type NamespaceTallyOptions = BoundedSeriesOptions & {
  /** What the datapath counts, as it stands. */
  readonly all: (ids: readonly EndpointId[]) => Promise<readonly EndpointCount[]>;
  readonly of: (id: EndpointId) => readonly EndpointCount[];
  /** Those that are there. */
  readonly ids: () => readonly EndpointId[];
  /** Undefined: it is not there any more. */
  readonly namespaceOf: (id: EndpointId) => string | undefined;
  readonly membership: () => Membership;
};

/**
 * What the datapath counts of each endpoint, summed up by namespace: since the agent lives, and beyond the life of a pod.
 * Nothing is done for it but when somebody asks, and when a pod goes.
 */
export class NamespaceTally {
  readonly #o: NamespaceTallyOptions;
  readonly #series: BoundedSeries;
  /** How each counter stood when it was looked at, by endpoint. */
  readonly #before = new Map<EndpointId, Map<string, number>>();
  /** Went while somebody read: what was read of them may be older. */
  readonly #retired = new Set<EndpointId>();
  #reading: Promise<readonly NamespaceCount[]> | undefined;

  constructor(options: NamespaceTallyOptions) {
    this.#o = options;
    this.#series = new BoundedSeries(options);
  }

  /** What was counted in an earlier life of the agent is no part of it. */
  async begin(): Promise<void> {
    for (const count of await this.#o.all(this.#o.ids())) this.#growth(count);
  }

  /** Before the counters of an endpoint are forgotten. */
  retire(id: EndpointId): void {
    const namespace = this.#o.namespaceOf(id);
    if (namespace !== undefined) for (const count of this.#o.of(id)) this.#add(namespace, count);
    this.#before.delete(id);
    if (this.#reading !== undefined) this.#retired.add(id);
  }

  /** Several who ask at a time are told the same. */
  async show(): Promise<readonly NamespaceCount[]> {
    this.#reading ??= this.#show().finally(() => {
      this.#reading = undefined;
      this.#retired.clear();
    });
    return await this.#reading;
  }

  async #show(): Promise<readonly NamespaceCount[]> {
    const { all, ids, namespaceOf, membership } = this.#o;
    for (const count of await all(ids())) {
      const namespace = count.endpoint === 0 ? NODE : namespaceOf(count.endpoint);
      if (namespace !== undefined && !this.#retired.has(count.endpoint)) this.#add(namespace, count);
    }
    const there = new Set([NODE, ...ids().map((id) => namespaceOf(id))]);
    // One that is another tenant's by now has a new series there.
    const lines = this.#series.show(
      ({ tenant, namespace }) => there.has(namespace) && this.#nameOf(namespace, membership()).tenant === tenant,
    );
    return lines.map(({ tenant, namespace, row, count }) => {
      const [reason, direction] = row.split(' ') as [DropReason, Direction | undefined];
      const what =
        direction === undefined ? ({ kind: 'missed' } as const) : { kind: 'drop' as const, reason, direction };
      return { tenant, namespace, count, what };
    });
  }

  #add(namespace: string, count: EndpointCount): void {
    const growth = this.#growth(count);
    if (growth > 0) this.#series.add(this.#nameOf(namespace, this.#o.membership()), rowOf(count), growth);
  }

  /** A counter that is less than it was began anew. */
  #growth(counted: EndpointCount): number {
    const row = rowOf(counted);
    const rows = this.#before.get(counted.endpoint) ?? new Map<string, number>();
    this.#before.set(counted.endpoint, rows);
    const before = rows.get(row) ?? 0;
    rows.set(row, counted.count);
    return counted.count >= before ? counted.count - before : counted.count;
  }

  #nameOf(namespace: string, membership: Membership): SeriesName {
    const tenant = namespace === NODE ? NODE : ownerOf(namespace, membership);
    return { tenant, namespace, name: namespace };
  }
}

const rowOf = (count: EndpointCount): string =>
  count.kind === 'missed' ? 'missed' : `${count.reason} ${count.direction}`;
