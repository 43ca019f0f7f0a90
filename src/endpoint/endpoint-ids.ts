import { type EndpointId, endpointId, FIRST_OUTSIDE } from '../model/index.ts';
import { endpointErrors } from './errors.ts';

/** Above, there are the words of what is outside of the node. */
export const LAST_ENDPOINT_ID = FIRST_OUTSIDE - 1;
const LAST = LAST_ENDPOINT_ID;

/**
 * Endpoint ids from 1 on, round robin. Conntrack entries belong to endpoint ids, so an id that was freed cannot come
 * back before `purged` says that the kernel holds nothing of it any more.
 */
export class EndpointIds {
  readonly #used = new Set<number>();
  readonly #unpurged = new Set<number>();
  #last: number;

  /** `last`: the id that was given out last, by this or an earlier life of the agent. */
  constructor(last = 0) {
    this.#last = Number.isInteger(last) && last >= 0 && last <= LAST ? last : 0;
  }

  /** To be kept over a restart. */
  get last(): number {
    return this.#last;
  }

  get inUse(): number {
    return this.#used.size;
  }

  /** Freed, and not yet purged from the kernel. */
  get unpurged(): EndpointId[] {
    return [...this.#unpurged].map(endpointId);
  }

  allocate(): EndpointId {
    for (let tried = 0; tried < LAST; tried += 1) {
      this.#last = (this.#last % LAST) + 1;
      if (this.#used.has(this.#last) || this.#unpurged.has(this.#last)) continue;
      this.#used.add(this.#last);
      return endpointId(this.#last);
    }
    throw endpointErrors.make('E_ENDPOINT_IDS', {
      detail: `${this.#used.size} in use, ${this.#unpurged.size} waiting to be purged from conntrack`,
    });
  }

  /** Of a restored endpoint. */
  claim(id: EndpointId): void {
    this.#unpurged.delete(id);
    this.#used.add(id);
  }

  release(id: EndpointId): void {
    this.#used.delete(id);
    this.#unpurged.add(id);
  }

  purged(id: EndpointId): void {
    this.#unpurged.delete(id);
  }
}
