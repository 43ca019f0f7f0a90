import { DIRECTION, type Direction, DROP_REASON, type DropReason } from '../../model/gen/enums.ts';
import { type EndpointId, endpointId } from '../../model/index.ts';
import {
  type DropCounter,
  type DropKey,
  dropCounterCodec,
  dropKeyCodec,
  type EventAccount,
  eventAccountCodec,
} from '../gen/codecs.ts';
import { KernelMap, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { PerCpuMap } from './per-cpu-map.ts';
import { u32Codec } from './scalar-codecs.ts';

const NODE = endpointId(0);
const UNUSED: EventAccount = { window: 0, used: [0, 0, 0], missed: 0n, beyond: 0n };
const REASONS = Object.keys(DROP_REASON) as DropReason[];
const DIRECTIONS = Object.keys(DIRECTION) as Direction[];

/** One counter of an endpoint, as it stands. `missed`: events that were not written. */
export type EndpointCount = { readonly endpoint: EndpointId; readonly count: number } & (
  | { readonly kind: 'missed' }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly direction: Direction }
);

/** What the datapath counts by endpoint. It goes with the endpoint: the next of its number starts at zero. */
export class EndpointAccounts {
  readonly #drops: PerCpuMap<DropKey, DropCounter>;
  readonly #events: TypedMap<number, EventAccount> | undefined;

  /** `events`: whether events are written at all. */
  constructor(maps: MapSet, options: { readonly events: boolean }) {
    this.#drops = new PerCpuMap(maps.get('drops'), maps.spec('drops'), {
      key: dropKeyCodec,
      value: dropCounterCodec,
    });
    const codecs = { key: u32Codec, value: eventAccountCodec };
    this.#events = options.events
      ? new KernelMap(maps.get('event_accounts'), maps.spec('event_accounts'), codecs)
      : undefined;
  }

  /** Events about connections of this endpoint that were not written, since it is there. */
  missedEvents(id: EndpointId): number {
    const rows = dropsOf(id).flatMap((key) => this.#drops.get(key) ?? []);
    const untold = rows.reduce((sum, row) => sum + Number(row.untold), 0);
    return this.#eventsMissed(id) + untold;
  }

  /** Of these, those that its own tenant might not tell: it is above its limit. */
  beyondTenant(id: EndpointId): number {
    return accountsOf(id).reduce((sum, index) => sum + Number(this.#events?.get(index)?.beyond ?? 0), 0);
  }

  /** Of one, without what is zero. */
  of(id: EndpointId): EndpointCount[] {
    const rows = dropsOf(id).flatMap((key): [DropKey, DropCounter[]][] => {
      const values = this.#drops.get(key);
      return values === undefined ? [] : [[key, values]];
    });
    return this.#counts(rows, [id]);
  }

  /** Of these and the node, and of whoever else has dropped something. */
  async all(ids: readonly EndpointId[]): Promise<EndpointCount[]> {
    return this.#counts(await this.#drops.entries(), [NODE, ...ids]);
  }

  #counts(rows: readonly (readonly [DropKey, readonly DropCounter[]])[], ids: readonly EndpointId[]): EndpointCount[] {
    const untold = new Map<EndpointId, number>();
    const counts: EndpointCount[] = [];
    for (const [{ endpoint, reason, direction }, values] of rows) {
      const sum = (field: 'packets' | 'untold'): number => values.reduce((all, value) => all + Number(value[field]), 0);
      untold.set(endpoint, (untold.get(endpoint) ?? 0) + sum('untold'));
      counts.push({ kind: 'drop', endpoint, reason, direction, count: sum('packets') });
    }
    for (const endpoint of new Set([...ids, ...untold.keys()])) {
      const missed = this.#eventsMissed(endpoint) + (untold.get(endpoint) ?? 0);
      counts.push({ kind: 'missed', endpoint, count: missed });
    }
    return counts.filter(({ count }) => count > 0);
  }

  #eventsMissed(id: EndpointId): number {
    return accountsOf(id).reduce((sum, index) => sum + Number(this.#events?.get(index)?.missed ?? 0), 0);
  }

  forget(id: EndpointId): void {
    for (const key of dropsOf(id)) this.#drops.delete(key);
    for (const index of accountsOf(id)) this.#events?.set(index, UNUSED);
  }

  /** Forgets every endpoint that is not among these. What is the node's own stays. */
  async prune(known: ReadonlySet<EndpointId>): Promise<void> {
    const counted = new Set((await this.#drops.entries()).map(([{ endpoint }]) => endpoint));
    for (const id of counted) if (id !== 0 && !known.has(id)) this.forget(id);
  }
}

/** Keys in `drops`. */
function dropsOf(endpoint: EndpointId): DropKey[] {
  return REASONS.flatMap((reason) => DIRECTIONS.map((direction) => ({ endpoint, reason, direction })));
}

/** Indexes in `event_accounts`. */
function accountsOf(id: EndpointId): number[] {
  return DIRECTIONS.map((direction) => id * 2 + DIRECTION[direction]);
}
