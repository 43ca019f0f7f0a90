import { type NamespacedName, nameParts } from '../base/index.ts';
import type { Frontend } from '../model/index.ts';
import type { MaglevSize } from './maglev.ts';
import { specialKind } from './special-addresses.ts';

/** Rows in the maps of services. */
export type ServiceRows = { readonly services: number; readonly slots: number; readonly backends: number };

export type ShareRefusal = {
  readonly reason: 'ServiceTooLarge' | 'NamespaceShareFull' | 'MapFull';
  readonly message: string;
};

type MapName = keyof ServiceRows;

const MAPS: readonly MapName[] = ['services', 'slots', 'backends'];
const KERNEL_NAMES: Readonly<Record<MapName, string>> = {
  services: 'services',
  slots: 'service_slots',
  backends: 'backends',
};
const NOTHING: ServiceRows = { services: 0, slots: 0, backends: 0 };

/** So that others of its namespace get something, too. */
const SERVICE_PART = 1 / 2;
/** Above: only sets on their way in while those that they replace are on their way out. */
const USABLE_PART = 7 / 8;
/** From here on only namespaces within what is guaranteed to them get anything. */
const COMMON_PART = 3 / 4;
/** Of a map; at least so many rows, where maps are that large. */
const GUARANTEED_PART = 1 / 1024;
const GUARANTEED_LEAST = 16;

/** What each namespace may have however much the others take, of a map with `size` rows. */
export function guaranteedRows(size: number): number {
  return Math.max(Math.floor(size * GUARANTEED_PART), Math.min(GUARANTEED_LEAST, size >> 4));
}

/**
 * Who may take how much of the maps that all services share. A namespace gets a bounded part, a Service half of that, and
 * the last part of a map goes to those only that have little: nobody's Services can keep another's from its pods.
 */
export class ServiceShares {
  readonly #sizes: ServiceRows;
  readonly #part: number;
  readonly #services = new Map<NamespacedName, ServiceRows>();
  readonly #namespaces = new Map<string, ServiceRows>();
  #total = NOTHING;
  #freed = false;

  /** `part`: of each map, what one namespace may take, above 0 and up to 1. */
  constructor(options: { readonly sizes: ServiceRows; readonly part: number }) {
    this.#sizes = options.sizes;
    this.#part = options.part;
  }

  /** What one Service may have of a map. */
  mostOfService(map: MapName): number {
    return Math.floor(this.#mostOfNamespace(map) * SERVICE_PART);
  }

  get total(): ServiceRows {
    return this.#total;
  }

  /** Whether rows were given back since the last call: what was refused may fit now. */
  takeFreed(): boolean {
    const freed = this.#freed;
    this.#freed = false;
    return freed;
  }

  /** Takes these rows in place of those that the service (`namespace/name`) has; undefined: it has them now. */
  take(service: NamespacedName, rows: ServiceRows): ShareRefusal | undefined {
    const refusal = this.refuses(service, rows);
    if (refusal === undefined) this.put(service, rows);
    return refusal;
  }

  /** Takes them whatever there is: for what is in the maps and cannot be taken out. */
  put(service: NamespacedName, rows: ServiceRows): void {
    const before = this.#services.get(service) ?? NOTHING;
    const { namespace } = nameParts(service);
    const own = replaced(this.#namespaces.get(namespace) ?? NOTHING, before, rows);
    this.#freed ||= MAPS.some((map) => rows[map] < before[map]);
    this.#total = replaced(this.#total, before, rows);
    if (isNothing(rows)) this.#services.delete(service);
    else this.#services.set(service, rows);
    if (isNothing(own)) this.#namespaces.delete(namespace);
    else this.#namespaces.set(namespace, own);
  }

  /** Why the service cannot have these rows in place of those that it has. Fewer are never refused. */
  refuses(service: NamespacedName, rows: ServiceRows): ShareRefusal | undefined {
    const before = this.#services.get(service) ?? NOTHING;
    const { namespace } = nameParts(service);
    const own = replaced(this.#namespaces.get(namespace) ?? NOTHING, before, rows);
    const total = replaced(this.#total, before, rows);
    for (const map of MAPS) {
      if (rows[map] <= before[map]) continue;
      const name = KERNEL_NAMES[map];
      const needs = `the Service needs ${rows[map]} rows of the map ${name}`;
      const size = this.#sizes[map];
      const most = this.#mostOfNamespace(map);
      if (rows[map] > this.mostOfService(map)) {
        return { reason: 'ServiceTooLarge', message: `${needs}, and one may have ${this.mostOfService(map)}` };
      }
      if (own[map] > most) {
        const message = `${needs}, with which its namespace would have ${own[map]}, and one may have ${most}`;
        return { reason: 'NamespaceShareFull', message };
      }
      const guaranteed = guaranteedRows(size);
      const room = Math.floor(size * (own[map] <= guaranteed ? USABLE_PART : COMMON_PART));
      if (total[map] > room) {
        const message = `${needs}, of whose ${size} others have ${total[map] - own[map]}; ${guaranteed} are kept for each namespace`;
        return { reason: 'MapFull', message };
      }
    }
    return undefined;
  }

  #mostOfNamespace(map: MapName): number {
    return Math.floor(this.#sizes[map] * this.#part);
  }
}

/** What these frontends of one service need in the maps. */
export function rowsOf(frontends: readonly Frontend[], maglevSize: MaglevSize | undefined): ServiceRows {
  let [services, slots, backends] = [0, 0, 0];
  for (const group of Map.groupBy(frontends, ({ portName, protocol }) => `${portName} ${protocol}`).values()) {
    const plain = new Set<Frontend['backends']>();
    const hashed = new Set<Frontend['backends']>();
    const draining = new Set<Frontend['backends']>();
    for (const frontend of group) {
      services += 1;
      plain.add(frontend.backends);
      draining.add(frontend.draining);
      if (!isForOutside(frontend)) continue;
      services += 1;
      (maglevSize === undefined || frontend.externalBackends.length < 2 ? plain : hashed).add(
        frontend.externalBackends,
      );
    }
    for (const list of plain) slots += list.length;
    slots += hashed.size * (maglevSize ?? 0);
    backends += distinct([...plain, ...hashed, ...draining].filter((list) => list.length > 0));
  }
  return { services, slots, backends };
}

/** Whether it answers clients from outside, too. Cluster addresses and the node's loopback are nobody's out there. */
export function isForOutside({ kind, addr }: Pick<Frontend, 'kind' | 'addr'>): boolean {
  return kind !== 'ClusterIP' && specialKind(addr) === undefined;
}

function distinct(lists: readonly Frontend['backends'][]): number {
  const [first] = lists;
  if (first === undefined || lists.every((list) => list === first)) return first?.length ?? 0;
  return new Set(lists.flatMap((list) => list.map(({ addr, port }) => `${addr}:${port}`))).size;
}

function replaced(all: ServiceRows, before: ServiceRows, after: ServiceRows): ServiceRows {
  return {
    services: all.services - before.services + after.services,
    slots: all.slots - before.slots + after.slots,
    backends: all.backends - before.backends + after.backends,
  };
}

function isNothing({ services, slots, backends }: ServiceRows): boolean {
  return services === 0 && slots === 0 && backends === 0;
}
