import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMembraneError, type MembraneError } from '../base/index.ts';
import type { BackendValue, ServiceMaps, ServiceSlotKey } from '../datapath/index.ts';
import { BACKEND_FLAG, type Frontend } from '../model/index.ts';
import type { MaglevSize } from '../service/index.ts';
import { agentErrors } from './errors.ts';
import type { ServiceLeftovers } from './service-leftovers.ts';
import type { ServiceNumbers } from './service-numbers.ts';
import { frontendText, planService, type ServicePlan, type ServiceState, slotKeys } from './service-plan.ts';

/** How long slots and backends that nothing points at stay for programs that read their number just now. */
const GRACE_MS = 250;
/** Services that are written together: enough that system calls do not count, few enough to hold up nobody. */
const TOGETHER = 128;

type Retired = {
  readonly due: number;
  readonly slots: readonly ServiceSlotKey[];
  readonly backends: readonly number[];
};

export type ServiceInstallerOptions = {
  readonly maps: ServiceMaps;
  readonly numbers: ServiceNumbers;
  /** Of an earlier life; given up with `prune`. */
  readonly left?: ServiceLeftovers;
  readonly maglevSize?: MaglevSize | undefined;
};

/**
 * Keeps the kernel's services at what is desired. A backend set is written whole under a fresh revision, then each
 * frontend switches to it with one write, then what nothing points at goes. What does not fit is refused service by
 * service: its last good state and all others go on.
 */
export class ServiceInstaller {
  readonly #maps: ServiceMaps;
  readonly #numbers: ServiceNumbers;
  readonly #maglevSize: MaglevSize | undefined;
  #left: ServiceLeftovers | undefined;
  readonly #states = new Map<string, ServiceState>();
  /** Which service wrote a frontend last. */
  readonly #owners = new Map<string, string>();
  readonly #refused = new Map<string, MembraneError>();
  #retired: Retired[] = [];
  #backends = 0;
  #freed = false;

  constructor(options: ServiceInstallerOptions) {
    this.#maps = options.maps;
    this.#numbers = options.numbers;
    this.#left = options.left;
    this.#maglevSize = options.maglevSize;
  }

  /** Services whose newest state did not fit, and why. */
  get refused(): ReadonlyMap<string, MembraneError> {
    return this.#refused;
  }

  get counts(): { readonly services: number; readonly frontends: number; readonly backends: number } {
    return { services: this.#states.size, frontends: this.#owners.size, backends: this.#backends };
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
      done.push(...(await this.#write(chunk)).filter(releases));
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
  async #write(plans: readonly ServicePlan[]): Promise<readonly ServicePlan[]> {
    if (plans.length === 0) return plans;
    try {
      await this.#writeAll(plans);
      for (const plan of plans) this.#keep(plan);
      return plans;
    } catch (error) {
      if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
      const written: ServicePlan[] = [];
      // What was written of the others under their own numbers comes again, or is undone.
      if (plans.length > 1) for (const plan of plans) await this.#undo(plan);
      for (const plan of plans) {
        if (plans.length > 1) written.push(...(await this.#write([plan])));
        else await this.#refuse(plan, error);
      }
      return written;
    }
  }

  async #writeAll(plans: readonly ServicePlan[]): Promise<void> {
    await this.#maps.backends.setMany(plans.flatMap(({ backends }) => backends));
    await this.#maps.slots.setMany(plans.flatMap(({ slots }) => slots));
    await this.#maps.services.setMany(plans.flatMap(({ frontends }) => frontends));
  }

  async #refuse(plan: ServicePlan, cause: MembraneError): Promise<void> {
    await this.#undo(plan);
    const detail = `service ${plan.service} needs ${plan.after.frontends.length} frontends and ${plan.slots.length} more slots; ${cause.message}`;
    this.#refused.set(plan.service, agentErrors.make('E_AGENT_SERVICES_FULL', { detail, cause }));
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
    this.#backends += backendCount(after) - backendCount(this.#states.get(service));
    if (after.frontends.length === 0) this.#states.delete(service);
    else this.#states.set(service, after);
    for (const { text } of after.frontends) this.#owners.set(text, service);
  }

  async #release(plans: readonly ServicePlan[], now: number): Promise<void> {
    const gone = plans.flatMap(({ service, removed }) =>
      removed.flatMap(({ key, text }) => {
        return this.#owners.get(text) === service && this.#owners.delete(text) ? [key] : [];
      }),
    );
    await this.#maps.services.deleteMany(gone);
    this.#freed ||= gone.length > 0;
    const slots = plans.flatMap(({ retiredSets }) => retiredSets.flatMap((set) => slotKeys(set.revision, set.slots)));
    const backends = plans.flatMap(({ retiredBackends }) => retiredBackends);
    // Clients with affinity and sockets that keep to a backend must not go on to find one that only rests here.
    await this.#maps.backends.setMany([...plans.flatMap(({ draining }) => draining), ...this.#leaving(backends)]);
    if (slots.length + backends.length > 0) this.#retired.push({ due: now + GRACE_MS, slots, backends });
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

function backendCount(state: ServiceState | undefined): number {
  let count = 0;
  for (const { backends } of state?.ports ?? []) count += backends.length;
  return count;
}
