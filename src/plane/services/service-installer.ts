import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMembraneError, type MembraneError, nameParts } from '../../base/index.ts';
import type { BackendValue, ServiceKey, ServiceMaps, ServiceSlotKey } from '../../datapath/index.ts';
import { BACKEND_FLAG, type Frontend } from '../../model/index.ts';
import { guaranteedRows, type MaglevSize, type ServiceRows } from '../../service/index.ts';
import { planeErrors } from '../errors.ts';
import { FreshNumbers, type NumberReserve } from '../revisions/fresh-numbers.ts';
import type { ServiceLeftovers } from './service-leftovers.ts';
import {
  frontendText,
  NO_SERVICE,
  numbersOf,
  planService,
  type ServicePlan,
  type ServiceState,
  slotKeys,
} from './service-plan.ts';
import { planShrink, stateLeft } from './service-shrink.ts';

/** How long slots and backends that nothing points at stay for programs that read their number just now. */
const GRACE_MS = 250;
/** Services that are written together: enough that system calls do not count, few enough to hold up nobody. */
const TOGETHER = 128;

/** Of a map: the last part is for small changes, so that nobody's large ones keep others waiting. */
const SMALL_CHANGES_SHIFT = 4;

type Retired = {
  readonly due: number;
  readonly namespace: string;
  readonly rows: ServiceRows;
  readonly slots: readonly ServiceSlotKey[];
  readonly backends: readonly number[];
};

const NO_ROWS: ServiceRows = { services: 0, slots: 0, backends: 0 };

export type ServiceInstallerOptions = {
  readonly maps: ServiceMaps;
  /** Of services, backend sets and backends, which are numbered together. */
  readonly numbers: NumberReserve;
  /** Of an earlier life; given up with `prune`. */
  readonly left?: ServiceLeftovers;
  readonly maglevSize?: MaglevSize | undefined;
};

/**
 * Keeps the kernel's services at what is desired. A backend set is written whole under a fresh revision, then each
 * frontend switches to it with one write, then what nothing points at goes. What does not fit is refused service by
 * service: all others go on, and it goes on with those of its backends that it still wants. What left is taken out
 * whatever room there is, since its address may be somebody else's by now.
 */
export class ServiceInstaller {
  readonly #maps: ServiceMaps;
  readonly #numbers: FreshNumbers;
  readonly #maglevSize: MaglevSize | undefined;
  #left: ServiceLeftovers | undefined;
  readonly #states = new Map<string, ServiceState>();
  /** Which service wrote a frontend last. */
  readonly #owners = new Map<string, string>();
  readonly #refused = new Map<string, MembraneError>();
  #retired: Retired[] = [];
  /** Of all states. */
  #rows: ServiceRows = NO_ROWS;
  #freed = false;

  constructor(options: ServiceInstallerOptions) {
    this.#maps = options.maps;
    const inUse = (from: number, below: number): ReadonlySet<number> =>
      new Set(this.#heldNumbers().filter((number) => number >= from && number < below));
    this.#numbers = new FreshNumbers({ ...options.numbers, first: 1, last: 0xffff_ffff, inUse });
    this.#left = options.left;
    this.#maglevSize = options.maglevSize;
  }

  /** Services whose newest state did not fit, and why. */
  get refused(): ReadonlyMap<string, MembraneError> {
    return this.#refused;
  }

  get counts(): { readonly services: number; readonly frontends: number; readonly backends: number } {
    return { services: this.#states.size, frontends: this.#owners.size, backends: this.#rows.backends };
  }

  /** Whether rows were deleted since the last call: what was refused may fit now. */
  takeFreed(): boolean {
    const freed = this.#freed;
    this.#freed = false;
    return freed;
  }

  /** Something waits to be swept. */
  get pending(): boolean {
    return this.#retired.length > 0;
  }

  /** Brings these services to their frontends; an empty list removes a service. */
  async install(desired: ReadonlyMap<string, readonly Frontend[]>, now: number): Promise<void> {
    /** Of those that were carried out, what something is to be released of: few of a first load. */
    const done: ServicePlan[] = [];
    let chunk: ServicePlan[] = [];
    const flush = async (): Promise<void> => {
      done.push(...(await this.#write(chunk, now)).filter(releases));
      chunk = [];
    };
    try {
      for (const [service, frontends] of desired) {
        const context = { numbers: this.#numbers, left: this.#left, maglevSize: this.#maglevSize };
        chunk.push(planService(service, frontends, this.#states.get(service), context));
        if (chunk.length < TOGETHER) continue;
        await flush();
        await nextTurn();
      }
      await flush();
    } finally {
      // Only now: a frontend that goes from one service to another in one call is never missing.
      await this.#release(done, now);
    }
  }

  /** Once, when everything was installed: removes what an earlier life left and nobody wants; how many backends. */
  async prune(): Promise<number> {
    const left = this.#left;
    if (left === undefined) return 0;
    this.#left = undefined;
    this.#freed = true;
    const revisions = new Set<number>();
    const backends = new Set<number>();
    for (const { ports } of this.#states.values()) {
      for (const port of ports) {
        for (const { revision } of port.sets) revisions.add(revision);
        for (const { id } of port.backends) backends.add(id);
      }
    }
    const frontends = [...left.frontends].flatMap(([text, { key }]) => (this.#owners.has(text) ? [] : [key]));
    const sets = [...left.slots].filter(([revision]) => !revisions.has(revision));
    await this.#maps.services.deleteMany(frontends);
    await this.#maps.slots.deleteMany(sets.flatMap(([revision, ids]) => slotKeys(revision, ids.length)));
    return await this.#maps.backends.deleteMany([...left.backends.keys()].filter((id) => !backends.has(id)));
  }

  /** Deletes what was retired long enough ago; how many backends that were. */
  async sweep(now: number): Promise<number> {
    const due = this.#retired.filter((retired) => retired.due <= now);
    if (due.length === 0) return 0;
    this.#retired = this.#retired.filter((retired) => retired.due > now);
    this.#freed = true;
    await this.#maps.slots.deleteMany(due.flatMap(({ slots }) => slots));
    return await this.#maps.backends.deleteMany(due.flatMap(({ backends }) => backends));
  }

  /** The plans that were carried out. */
  async #write(plans: readonly ServicePlan[], now: number): Promise<readonly ServicePlan[]> {
    if (plans.length === 0) return plans;
    try {
      this.#leaveRoom(plans);
      await this.#writeAll(plans);
      for (const plan of plans) this.#keep(plan);
      return plans;
    } catch (error) {
      if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL') && !isMembraneError(error, 'E_PLANE_SERVICES_FULL'))
        throw error;
      const written: ServicePlan[] = [];
      // What was written of the others under their own numbers comes again, or is undone.
      if (plans.length > 1) for (const plan of plans) await this.#undo(plan);
      for (const plan of plans) {
        if (plans.length > 1) written.push(...(await this.#write([plan], now)));
        else await this.#refuse(plan, error, now);
      }
      return written;
    }
  }

  /** Throws E_PLANE_SERVICES_FULL for a large change that would take the last part of a map. */
  #leaveRoom(plans: readonly ServicePlan[]): void {
    // Of an earlier life's rows nobody knows yet whose they are.
    if (this.#left !== undefined) return;
    for (const map of ['services', 'slots', 'backends'] as const) {
      const size = this.#maps[map].spec.maxEntries;
      let used = this.#rows[map] + this.#retired.reduce((sum, retired) => sum + retired.rows[map], 0);
      for (const plan of plans) {
        const needed = this.#needs(plan)[map];
        if (needed <= 0) continue;
        used += needed;
        if (used <= size - (size >> SMALL_CHANGES_SHIFT)) continue;
        const own = this.#retired.filter(({ namespace }) => namespace === namespaceOf(plan.service));
        if (own.reduce((sum, { rows }) => sum + rows[map], needed) <= guaranteedRows(size)) continue;
        throw planeErrors.make('E_PLANE_SERVICES_FULL', {
          detail: `${map} would have ${used} of ${size} entries in use, and the last are for small changes`,
        });
      }
    }
  }

  #needs({ service, backends, slots, after }: ServicePlan): ServiceRows {
    const before = this.#states.get(service) ?? NO_SERVICE;
    return {
      services: after.frontends.length - before.frontends.length,
      slots: slots.length,
      backends: backends.length,
    };
  }

  async #writeAll(plans: readonly ServicePlan[]): Promise<void> {
    await this.#maps.backends.setMany(plans.flatMap(({ backends }) => backends));
    await this.#maps.slots.setMany(plans.flatMap(({ slots }) => slots));
    await this.#maps.services.setMany(plans.flatMap(({ frontends }) => frontends));
  }

  async #refuse(plan: ServicePlan, cause: MembraneError, now: number): Promise<void> {
    await this.#undo(plan);
    await this.#shrink(plan, now);
    const detail = `service ${plan.service} needs ${plan.after.frontends.length} frontends and ${plan.slots.length} more slots; ${cause.message}`;
    this.#refused.set(plan.service, planeErrors.make('E_PLANE_SERVICES_FULL', { detail, cause }));
  }

  /** Takes out of a service in force what its plan does not want any more. */
  async #shrink(plan: ServicePlan, now: number): Promise<void> {
    const { service } = plan;
    const state = this.#states.get(service);
    const before = state ?? (this.#left === undefined ? NO_SERVICE : stateLeft(this.#left, plan));
    const shrink = planShrink(before, plan, this.#maglevSize);
    await this.#maps.slots.setMany(shrink.slots);
    await this.#maps.services.setMany(shrink.frontends.map(({ key, value }) => [key, value]));
    this.#setState(service, shrink.after);
    await this.#maps.services.deleteMany(this.#disowned(service, shrink.removed));
    await this.#maps.slots.deleteMany(shrink.goneSlots);
    this.#freed ||= shrink.goneSlots.length + shrink.removed.length > 0;
    await this.#maps.backends.setMany([...shrink.draining, ...this.#leaving(shrink.retiredBackends)]);
    this.#retire({ namespace: namespaceOf(service), slots: [], backends: shrink.retiredBackends }, now);
  }

  /** Back to what was there before the plan. */
  async #undo({ service, backends, slots, frontends }: ServicePlan): Promise<void> {
    for (const [key] of frontends) {
      const text = frontendText(key);
      // Another service's frontend that this one was to take over is put back with that one's own state.
      const owner = this.#states.get(this.#owners.get(text) ?? service);
      const other = owner?.frontends.find((row) => row.text === text) ?? this.#left?.frontends.get(text);
      if (other === undefined) this.#maps.services.delete(key);
      else this.#maps.services.set(key, other.value);
    }
    await this.#maps.slots.deleteMany(slots.map(([key]) => key));
    const ports = this.#states.get(service)?.ports ?? [];
    const known = new Set(ports.flatMap((port) => port.backends.map(({ id }) => id)));
    await this.#maps.backends.deleteMany(
      backends.flatMap(([id]) => (known.has(id) || this.#left?.backends.has(id) ? [] : [id])),
    );
  }

  #keep({ service, after }: ServicePlan): void {
    this.#refused.delete(service);
    this.#setState(service, after);
  }

  *#heldNumbers(): Generator<number> {
    for (const state of this.#states.values()) yield* numbersOf(state);
    for (const { slots, backends } of this.#retired) {
      yield* backends;
      for (const { revision } of slots) yield revision;
    }
    if (this.#left !== undefined) yield* this.#left.numbers();
  }

  #setState(service: string, after: ServiceState): void {
    this.#rows = changed(this.#rows, this.#states.get(service), after);
    if (after.frontends.length === 0) this.#states.delete(service);
    else this.#states.set(service, after);
    for (const { text } of after.frontends) this.#owners.set(text, service);
  }

  async #release(plans: readonly ServicePlan[], now: number): Promise<void> {
    const gone = plans.flatMap(({ service, removed }) => this.#disowned(service, removed));
    await this.#maps.services.deleteMany(gone);
    this.#freed ||= gone.length > 0;
    const draining = plans.flatMap((plan) => plan.draining);
    // Clients with affinity and sockets that keep to a backend must not go on to find one that only rests here.
    await this.#maps.backends.setMany([...draining, ...this.#leaving(plans.flatMap((plan) => plan.retiredBackends))]);
    for (const [namespace, own] of Map.groupBy(plans, ({ service }) => namespaceOf(service))) {
      const slots = own.flatMap(({ retiredSets }) => retiredSets.flatMap((set) => slotKeys(set.revision, set.slots)));
      this.#retire({ namespace, slots, backends: own.flatMap(({ retiredBackends }) => retiredBackends) }, now);
    }
  }

  /** Those that are this service's still, and nobody's from now on. */
  #disowned(service: string, rows: ServicePlan['removed']): ServiceKey[] {
    return rows.flatMap(({ key, text }) =>
      this.#owners.get(text) === service && this.#owners.delete(text) ? [key] : [],
    );
  }

  #retire({ namespace, slots, backends }: Omit<Retired, 'due' | 'rows'>, now: number): void {
    if (slots.length + backends.length === 0) return;
    const rows = { services: 0, slots: slots.length, backends: backends.length };
    this.#retired.push({ due: now + GRACE_MS, namespace, rows, slots, backends });
  }

  #leaving(backends: readonly number[]): (readonly [number, BackendValue])[] {
    return backends.flatMap((id) => {
      const value = this.#maps.backends.get(id);
      return value === undefined || isLeaving(value) ? [] : [[id, { ...value, flags: BACKEND_FLAG.draining }] as const];
    });
  }
}

function isLeaving({ flags }: BackendValue): boolean {
  return (flags & BACKEND_FLAG.draining) !== 0;
}

function releases({ removed, draining, retiredSets, retiredBackends }: ServicePlan): boolean {
  return removed.length + draining.length + retiredSets.length + retiredBackends.length > 0;
}

function changed(rows: ServiceRows, before: ServiceState = NO_SERVICE, after: ServiceState = NO_SERVICE): ServiceRows {
  const [less, more] = [rowsIn(before), rowsIn(after)];
  return {
    services: rows.services - less.services + more.services,
    slots: rows.slots - less.slots + more.slots,
    backends: rows.backends - less.backends + more.backends,
  };
}

function rowsIn({ ports, frontends }: ServiceState): ServiceRows {
  let [slots, backends] = [0, 0];
  for (const port of ports) {
    backends += port.backends.length;
    for (const set of port.sets) slots += set.slots;
  }
  return { services: frontends.length, slots, backends };
}

const namespaceOf = (service: string): string => nameParts(service).namespace;
