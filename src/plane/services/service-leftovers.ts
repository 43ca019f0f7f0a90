import type { BackendValue, ServiceKey, ServiceMaps, ServiceValue } from '../../datapath/index.ts';
import type { ServiceRows } from '../../service/index.ts';
import { frontendText } from './service-plan.ts';

/** What an earlier life left in the maps of services, so that what is still right need not be written again. */
export class ServiceLeftovers {
  readonly frontends = new Map<string, { readonly key: ServiceKey; readonly value: ServiceValue }>();
  readonly slots = new Map<number, number[]>();
  readonly backends = new Map<number, BackendValue>();
  readonly #owners = new Map<number, string>();
  /** By number of a service: its backends by `address:port`, and its sets. */
  readonly #ids = new Map<number, Map<string, number>>();
  readonly #sets = new Map<number, Set<number>>();
  /** Backends of no set, by place and protocol: they drain, or were about to go. */
  readonly #loose = new Map<string, number[]>();

  static async read(maps: ServiceMaps): Promise<ServiceLeftovers> {
    const left = new ServiceLeftovers();
    for (const [id, value] of await maps.backends.entries()) left.backends.set(id, value);
    for (const [{ revision, slot }, { backend }] of await maps.slots.entries()) {
      const ids = left.slots.get(revision) ?? [];
      ids[slot] = backend;
      left.slots.set(revision, ids);
    }
    for (const [key, value] of await maps.services.entries()) left.#addFrontend(key, value);
    const held = new Set([...left.slots.values()].flat());
    for (const [id, { addr, port, protocol }] of left.backends) {
      if (held.has(id)) continue;
      const place = `${addr}:${port} ${protocol}`;
      left.#loose.set(place, [...(left.#loose.get(place) ?? []), id]);
    }
    return left;
  }

  /** Every number that is in use. */
  *numbers(): Generator<number> {
    yield* this.backends.keys();
    yield* this.slots.keys();
    for (const { value } of this.frontends.values()) yield* [value.service, value.revision];
  }

  get rows(): ServiceRows {
    const slots = this.slots.values().reduce((sum, ids) => sum + Object.keys(ids).length, 0);
    return { services: this.frontends.size, slots, backends: this.backends.size };
  }

  /** What is in the kernel of them is not what was found: nobody takes them over any more. */
  forget(revisions: Iterable<number>, backends: Iterable<number>): void {
    for (const revision of revisions) this.slots.delete(revision);
    for (const id of backends) this.backends.delete(id);
  }

  #addFrontend(key: ServiceKey, value: ServiceValue): void {
    this.frontends.set(frontendText(key), { key, value });
    const ids = this.#ids.get(value.service) ?? new Map<string, number>();
    this.#ids.set(value.service, ids);
    for (const id of this.slots.get(value.revision) ?? []) {
      const backend = this.backends.get(id);
      if (backend !== undefined) ids.set(`${backend.addr}:${backend.port}`, id);
    }
    const sets = this.#sets.get(value.service) ?? new Set<number>();
    this.#sets.set(value.service, sets.add(value.revision));
  }

  /** The number that these frontends have, when no other service port took it over before. */
  numberOf(owner: string, frontends: readonly string[]): number | undefined {
    for (const text of frontends) {
      const number = this.frontends.get(text)?.value.service;
      if (number === undefined || (this.#owners.get(number) ?? owner) !== owner) continue;
      this.#owners.set(number, owner);
      return number;
    }
    return undefined;
  }

  backendOf(number: number, place: string): number | undefined {
    const id = this.#ids.get(number)?.get(place);
    return id !== undefined && this.backends.has(id) ? id : undefined;
  }

  /**
   * One that was in no set, once. Nobody knows any more whose it was; whoever has it now means the same pod and port, and
   * what was begun with it goes on.
   */
  takeLoose(place: string, protocol: number): number | undefined {
    const ids = this.#loose.get(`${place} ${protocol}`) ?? [];
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) if (this.backends.has(id)) return id;
    return undefined;
  }

  /** A set of this service with exactly these backends, in this order. */
  setOf(number: number, ids: readonly number[]): number | undefined {
    for (const revision of this.#sets.get(number) ?? []) {
      const slots = this.slots.get(revision);
      if (slots?.length === ids.length && slots.every((id, i) => id === ids[i])) return revision;
    }
    return undefined;
  }
}
