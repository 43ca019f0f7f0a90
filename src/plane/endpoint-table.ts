import { type NamespacedName, namespacedName } from '../base/index.ts';
import {
  type Attachment,
  attachmentKey,
  type EndpointEvent,
  type EndpointRecord,
  type EndpointState,
  nextState,
} from '../endpoint/index.ts';
import type { EndpointId } from '../model/index.ts';
import type { Addr } from '../net/index.ts';

export type Endpoint = {
  readonly record: EndpointRecord;
  readonly state: EndpointState;
  /** What is missing while it is not ready. */
  readonly detail: string | undefined;
  /** When it came into this state, ms of the table's clock. */
  readonly since: number;
};

/** The endpoints of this node, keyed by id; a pod's name is a property, never a key. */
export class EndpointTable {
  readonly #byId = new Map<EndpointId, Endpoint>();
  readonly #byAttachment = new Map<string, EndpointId>();
  readonly #byPod = new Map<NamespacedName, Set<EndpointId>>();
  #changed = new Set<EndpointId>();
  readonly #waiters = new Map<EndpointId, Set<() => void>>();
  readonly #now: () => number;

  /** `now`: ms of a clock that nobody sets. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: EndpointId): Endpoint | undefined {
    return this.#byId.get(id);
  }

  ofAttachment(attachment: Attachment): Endpoint | undefined {
    const id = this.#byAttachment.get(attachmentKey(attachment));
    return id === undefined ? undefined : this.#byId.get(id);
  }

  ofAddress(addr: Addr): Endpoint | undefined {
    return this.#byId.values().find(({ record }) => record.addr === addr);
  }

  ofPod(namespace: string, name: string): Endpoint | undefined {
    const [id] = this.idsOfPod(namespacedName({ namespace, name }));
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** Several while a pod goes and another comes under its name. */
  idsOfPod(pod: NamespacedName): Iterable<EndpointId> {
    return this.#byPod.get(pod) ?? [];
  }

  /** Those that came, went or changed since the last call; for the one who brings them into the kernel. */
  drain(): ReadonlySet<EndpointId> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** How long it has been in its state, ms. */
  ageOf({ since }: Endpoint): number {
    return this.#now() - since;
  }

  values(): Endpoint[] {
    return [...this.#byId.values()];
  }

  add(record: EndpointRecord, state: EndpointState): void {
    this.#byId.set(record.id, { record, state, detail: undefined, since: this.#now() });
    this.#byAttachment.set(attachmentKey(record.attachment), record.id);
    const pod = namespacedName(record.pod);
    const ids = this.#byPod.get(pod);
    if (ids === undefined) this.#byPod.set(pod, new Set([record.id]));
    else ids.add(record.id);
    this.#changed.add(record.id);
  }

  /** E_ENDPOINT_TRANSITION. */
  transition(id: EndpointId, event: EndpointEvent, detail?: string): void {
    const endpoint = this.#byId.get(id);
    if (endpoint === undefined) return;
    const state = nextState(id, endpoint.state, event);
    if (state === endpoint.state && detail === endpoint.detail) return;
    const since = state === endpoint.state ? endpoint.since : this.#now();
    this.#byId.set(id, { ...endpoint, state, detail, since });
    this.#changed.add(id);
    if (state === 'ready' || state === 'disconnecting') this.#wake(id);
  }

  replaceRecord(record: EndpointRecord): void {
    const endpoint = this.#byId.get(record.id);
    if (endpoint === undefined) return;
    this.#byId.set(record.id, { ...endpoint, record });
    this.#changed.add(record.id);
  }

  remove(id: EndpointId): void {
    const endpoint = this.#byId.get(id);
    if (endpoint === undefined) return;
    this.#byId.delete(id);
    this.#changed.add(id);
    const pod = namespacedName(endpoint.record.pod);
    const ids = this.#byPod.get(pod);
    ids?.delete(id);
    if (ids?.size === 0) this.#byPod.delete(pod);
    const key = attachmentKey(endpoint.record.attachment);
    if (this.#byAttachment.get(key) === id) this.#byAttachment.delete(key);
    this.#wake(id);
  }

  /** Resolves when it is ready, or being taken apart, or after `ms`. */
  async settled(id: EndpointId, ms: number): Promise<void> {
    if (this.#byId.get(id)?.state === 'ready') return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiters = this.#waiters.get(id) ?? new Set();
    waiters.add(resolve);
    this.#waiters.set(id, waiters);
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    waiters.delete(resolve);
    if (waiters.size === 0) this.#waiters.delete(id);
  }

  #wake(id: EndpointId): void {
    for (const wake of this.#waiters.get(id) ?? []) wake();
  }
}
