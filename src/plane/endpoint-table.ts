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
};

/** The endpoints of this node, keyed by id; a pod's name is a property, never a key. */
export class EndpointTable {
  readonly #byId = new Map<EndpointId, Endpoint>();
  readonly #byAttachment = new Map<string, EndpointId>();
  readonly #waiters = new Map<EndpointId, Set<() => void>>();

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
    return this.#byId.values().find(({ record: { pod } }) => pod.namespace === namespace && pod.name === name);
  }

  values(): Endpoint[] {
    return [...this.#byId.values()];
  }

  add(record: EndpointRecord, state: EndpointState): void {
    this.#byId.set(record.id, { record, state, detail: undefined });
    this.#byAttachment.set(attachmentKey(record.attachment), record.id);
  }

  /** E_ENDPOINT_TRANSITION. */
  transition(id: EndpointId, event: EndpointEvent, detail?: string): void {
    const endpoint = this.#byId.get(id);
    if (endpoint === undefined) return;
    const state = nextState(id, endpoint.state, event);
    this.#byId.set(id, { ...endpoint, state, detail });
    if (state === 'ready' || state === 'disconnecting') this.#wake(id);
  }

  replaceRecord(record: EndpointRecord): void {
    const endpoint = this.#byId.get(record.id);
    if (endpoint !== undefined) this.#byId.set(record.id, { ...endpoint, record });
  }

  remove(id: EndpointId): void {
    const endpoint = this.#byId.get(id);
    if (endpoint === undefined) return;
    this.#byId.delete(id);
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
