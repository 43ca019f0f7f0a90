import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMembraneError, type MembraneError, type NamespacedName, nameParts } from '../../base/index.ts';
import {
  type BackendValue,
  MapRoom,
  type ServiceKey,
  type ServiceMaps,
  type ServiceSlotKey,
  serviceMapSizes,
} from '../../datapath/index.ts';
import { BACKEND_FLAG, type Frontend } from '../../model/index.ts';
import { guaranteedRows, type MaglevSize, type ServiceRows } from '../../service/index.ts';
import { planeErrors } from '../errors.ts';
import { FreshNumbers, type NumberReserve, Refusals, VersionedSets } from '../revisions/index.ts';
import type { ServiceLeftovers } from './service-leftovers.ts';
import {
  frontendText,
  NO_SERVICE,
  numbersOf,
  type PlanContext,
  planService,
  type ServicePlan,
  type ServiceState,
  slotKeys,
} from './service-plan.ts';
import { planShrink, stateLeft } from './service-shrink.ts';

/** Services that are written together: enough that system calls do not count, few enough to hold up nobody. */
const TOGETHER = 128;
/** Of a map: the last part is for small changes, so that nobody's large ones keep others waiting. */
const KEPT = 1 / 16;

const NO_ROWS: ServiceRows = { services: 0, slots: 0, backends: 0 };

/** Slots and backends that come or go together; the slots of a set go with it. */
type RowSet = {
  readonly namespace: string;
  readonly slots: readonly ServiceSlotKey[];
  readonly backends: readonly number[];
};

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
  readonly #states = new Map<NamespacedName, ServiceState>();
  /** Which service wrote a frontend last. */
  readonly #owners = new Map<string, NamespacedName>();
  readonly #refusals: Refusals<NamespacedName>;
  readonly #room: MapRoom<keyof ServiceRows>;
  readonly #sets: VersionedSets<RowSet>;

  constructor(options: ServiceInstallerOptions) {
    this.#maps = options.maps;
    const inUse = (from: number, below: number): ReadonlySet<number> =>
      new Set(this.#heldNumbers().filter((number) => number >= from && number < below));
    this.#numbers = new FreshNumbers({ ...options.numbers, first: 1, last: 0xffff_ffff, inUse });
    this.#left = options.left;
    this.#maglevSize = options.maglevSize;
    this.#room = new MapRoom({ sizes: serviceMapSizes(options.maps), kept: KEPT });
    if (options.left !== undefined) this.#room.hold(options.left.rows);
    this.#refusals = new Refusals(() => this.#room.freed);
    this.#sets = new VersionedSets({ remove: async (sets) => await this.#remove(sets) });
  }

  /** Services whose newest state did not fit, and why. */
  get refused(): ReadonlyMap<NamespacedName, MembraneError> {
    return this.#refusals.problems;
  }

  get counts(): { readonly services: number; readonly frontends: number; readonly backends: number } {
    return { services: this.#states.size, frontends: this.#owners.size, backends: this.#room.used('backends') };
  }

  /** Which service has the frontend in the kernel, by text of its key. */
  ownerOf(frontend: string): NamespacedName | undefined {
    return this.#owners.get(frontend);
  }

  /** Services that may fit now, since rows were deleted after they were refused, or the kernel had no memory just then. */
  retryRefused(): readonly NamespacedName[] {
    return this.#refusals.retry();
  }

  /** Rows were deleted since services were refused. */
  get roomier(): boolean {
    return this.#refusals.pending;
  }

  /** The kernel had no memory for something that has room: to be tried again soon. */
  get short(): boolean {
    return this.#refusals.short;
  }

  /** Something waits to be swept. */
  get pending(): boolean {
    return this.#sets.retired.size > 0;
  }

  /** Brings these services to their frontends; an empty list removes a service. */
  async install(desired: ReadonlyMap<NamespacedName, readonly Frontend[]>, now: number): Promise<void> {
    /** Of those that were carried out, what something is to be released of: few of a first load. */
    const done: ServicePlan[] = [];
    let chunk: ServicePlan[] = [];
    const flush = async (): Promise<void> => {
      done.push(...(await this.#write(chunk, now)).filter(releases));
      chunk = [];
    };
    try {
      for (const [service, frontends] of desired) {
        chunk.push(planService(service, frontends, this.#states.get(service), this.#context()));
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

  /** Once, when everything was installed: what an earlier life left and nobody wants goes, as all that is retired. */
  async prune(now: number): Promise<void> {
    const left = this.#left;
    if (left === undefined) return;
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
    const gone = [...left.backends.keys()].filter((id) => !backends.has(id));
    await this.#removeFrontends(frontends);
    await this.#maps.backends.setMany(this.#leaving(gone));
    this.#left = undefined;
    const slots = sets.flatMap(([revision, ids]) => slotKeys(revision, ids.length));
    if (slots.length + gone.length > 0) this.#sets.adopt({ namespace: '', slots, backends: gone }, now);
  }

  /** Deletes what was retired long enough ago; how many backends that were. */
  async sweep(now: number): Promise<number> {
    const gone = await this.#sets.sweep(now);
    return gone.reduce((sum, { backends }) => sum + backends.length, 0);
  }

  async #remove(sets: readonly RowSet[]): Promise<void> {
    const slots = sets.flatMap((set) => set.slots);
    const backends = sets.flatMap((set) => set.backends);
    this.#room.give({ ...NO_ROWS, slots: await this.#maps.slots.deleteMany(slots) });
    this.#room.give({ ...NO_ROWS, backends: await this.#maps.backends.deleteMany(backends) });
  }

  async #removeFrontends(keys: readonly ServiceKey[]): Promise<void> {
    this.#room.give({ ...NO_ROWS, services: await this.#maps.services.deleteMany(keys) });
  }

  #context(): PlanContext {
    return {
      numbers: this.#numbers,
      left: this.#left,
      maglevSize: this.#maglevSize,
      isThere: (text) => this.#owners.has(text),
    };
  }

  /** The plans that were carried out. */
  async #write(plans: readonly ServicePlan[], now: number): Promise<readonly ServicePlan[]> {
    const fitting: ServicePlan[] = [];
    const lacking: [ServicePlan, MembraneError][] = [];
    for (const plan of plans) {
      const problem = this.#take(plan);
      if (problem === undefined) fitting.push(plan);
      else lacking.push([plan, problem]);
    }
    const written = await this.#writeTaken(fitting, now);
    for (const [plan, problem] of lacking) await this.#refuse(plan, problem, now);
    return written;
  }

  async #writeTaken(plans: readonly ServicePlan[], now: number): Promise<readonly ServicePlan[]> {
    if (plans.length === 0) return plans;
    try {
      await this.#writeAll(plans);
    } catch (error) {
      for (const plan of plans) await this.#undo(plan);
      if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
      const [only] = plans;
      // The kernel counts otherwise: whoever does not fit is found one by one.
      const written: ServicePlan[] = [];
      if (plans.length > 1) for (const plan of plans) written.push(...(await this.#write([plan], now)));
      else if (only !== undefined) await this.#refuse(only, error, now);
      return written;
    }
    for (const plan of plans) this.#keep(plan);
    return plans;
  }

  /** Takes room for what the plan writes; or why there is none. */
  #take({ service, rows }: ServicePlan): MembraneError | undefined {
    const namespace = namespaceOf(service);
    /** What each namespace may have however much the others take, with what it has on its way out. */
    const isSmall = (map: keyof ServiceRows): boolean => {
      const most = guaranteedRows(this.#maps[map].spec.maxEntries);
      const own = this.#sets.retired.keys().filter((set) => set.namespace === namespace);
      return own.reduce((sum, set) => sum + (map === 'services' ? 0 : set[map].length), rows[map]) <= most;
    };
    try {
      this.#room.take(rows, isSmall);
      return undefined;
    } catch (error) {
      if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
      return error;
    }
  }

  async #writeAll(plans: readonly ServicePlan[]): Promise<void> {
    await this.#maps.backends.setMany(plans.flatMap(({ backends }) => backends));
    await this.#maps.slots.setMany(plans.flatMap(({ slots }) => slots));
    await this.#maps.services.setMany(plans.flatMap(({ frontends }) => frontends));
  }

  async #refuse(plan: ServicePlan, cause: MembraneError, now: number): Promise<void> {
    // What leaves the service itself may make the room.
    const before = this.#room.freed;
    await this.#shrink(plan, now);
    const detail = `service ${plan.service} needs ${plan.after.frontends.length} frontends and ${plan.slots.length} more slots; ${cause.message}`;
    const problem = planeErrors.make('E_PLANE_SERVICES_FULL', { detail, cause });
    // Room is counted before anything is written: of a map that is full in our own books no system call is the cause.
    if (cause.cause !== undefined) this.#refusals.refuseForNow(plan.service, problem);
    else this.#refusals.refuse(plan.service, problem, before);
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
    await this.#removeFrontends(this.#disowned(service, shrink.removed));
    await this.#remove([{ namespace: '', slots: shrink.goneSlots, backends: [] }]);
    await this.#maps.backends.setMany([...shrink.draining, ...this.#leaving(shrink.retiredBackends)]);
    const changed = before.ports.flatMap(({ sets }) => sets.map(({ revision }) => revision));
    this.#left?.forget(changed, shrink.retiredBackends);
    this.#retire({ namespace: namespaceOf(service), slots: [], backends: shrink.retiredBackends }, now);
  }

  /** Back to what was there before the plan. */
  async #undo({ service, backends, slots, frontends, rows }: ServicePlan): Promise<void> {
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
    this.#room.cancel(rows);
  }

  #keep({ service, after }: ServicePlan): void {
    this.#refusals.accept(service);
    this.#setState(service, after);
  }

  *#heldNumbers(): Generator<number> {
    for (const state of this.#states.values()) yield* numbersOf(state);
    for (const { slots, backends } of this.#sets.retired.keys()) {
      yield* backends;
      for (const { revision } of slots) yield revision;
    }
    if (this.#left !== undefined) yield* this.#left.numbers();
  }

  #setState(service: NamespacedName, after: ServiceState): void {
    if (after.frontends.length === 0) this.#states.delete(service);
    else this.#states.set(service, after);
    for (const { text } of after.frontends) this.#owners.set(text, service);
  }

  async #release(plans: readonly ServicePlan[], now: number): Promise<void> {
    const gone = plans.flatMap(({ service, removed }) => this.#disowned(service, removed));
    await this.#removeFrontends(gone);
    const draining = plans.flatMap((plan) => plan.draining);
    // Clients with affinity and sockets that keep to a backend must not go on to find one that only rests here.
    await this.#maps.backends.setMany([...draining, ...this.#leaving(plans.flatMap((plan) => plan.retiredBackends))]);
    for (const [namespace, own] of Map.groupBy(plans, ({ service }) => namespaceOf(service))) {
      const slots = own.flatMap(({ retiredSets }) => retiredSets.flatMap((set) => slotKeys(set.revision, set.slots)));
      this.#retire({ namespace, slots, backends: own.flatMap(({ retiredBackends }) => retiredBackends) }, now);
    }
  }

  /** Those that are this service's still, and nobody's from now on. */
  #disowned(service: NamespacedName, rows: ServicePlan['removed']): ServiceKey[] {
    return rows.flatMap(({ key, text }) =>
      this.#owners.get(text) === service && this.#owners.delete(text) ? [key] : [],
    );
  }

  #retire(set: RowSet, now: number): void {
    if (set.slots.length + set.backends.length > 0) this.#sets.retire(set, now);
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

const namespaceOf = (service: NamespacedName): string => nameParts(service).namespace;
