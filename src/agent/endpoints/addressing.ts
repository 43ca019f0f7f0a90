import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { errorMessage, type Logger } from '../../base/index.ts';
import { AddressPool, EndpointIds, endpointErrors, LAST_ENDPOINT_ID } from '../../endpoint/index.ts';
import { type EndpointId, STALE_OWNER_TICKS, TICK_BITS } from '../../model/index.ts';
import { type Addr, Prefix } from '../../net/index.ts';
import type { StateFiles } from '../node/index.ts';

/** When nothing of an endpoint that is gone is left in conntrack, with half a minute and more to spare. */
const PURGED_AFTER_MS = (STALE_OWNER_TICKS * 2 ** TICK_BITS) / 1e6 + 40_000;

const FILE = 'cursors';
const cursorsSchema = z.object({ endpoint: z.int().min(0).max(LAST_ENDPOINT_ID), address: z.int().min(0) });

/**
 * Numbers and addresses of endpoints; where the next ones are taken from survives the agent. Which range they are of does
 * not: the Node object says it, and until it was heard no pod gets an address.
 */
export class Addressing {
  readonly ids: EndpointIds;
  readonly #state: StateFiles;
  readonly #released = new Map<EndpointId, number>();
  readonly #used = new Map<EndpointId, Addr>();
  readonly #cursor: number;
  #pool: AddressPool | undefined;

  constructor(state: StateFiles, podCidr: Prefix | undefined) {
    this.#state = state;
    const cursors = state.read(FILE, cursorsSchema);
    this.#cursor = cursors?.address ?? 0;
    // An id is not to come back while conntrack knows its last owner: without a cursor, begin anywhere but at his.
    this.ids = new EndpointIds(cursors?.endpoint ?? (state.problems.has(FILE) ? randomInt(LAST_ENDPOINT_ID + 1) : 0));
    if (podCidr !== undefined) this.#usePodCidr(podCidr);
  }

  get pool(): AddressPool | undefined {
    return this.#pool;
  }

  /** Endpoints whose addresses are of a range that the node no longer has; they keep them. */
  get outside(): EndpointId[] {
    const pool = this.#pool;
    if (pool === undefined) return [];
    return [...this.#used].filter(([, addr]) => !pool.prefix.contains(addr)).map(([id]) => id);
  }

  #usePodCidr(prefix: Prefix): void {
    const pool = new AddressPool(prefix, this.#cursor);
    for (const addr of this.#used.values()) pool.reserve(addr);
    this.#pool = pool;
  }

  /** As the Node object says; the first range of a family we serve. Another range than before is for new pods. */
  followNode(podCidrs: readonly string[], log: Logger): void {
    for (const text of podCidrs) {
      try {
        const prefix = Prefix.parse(text);
        if (prefix.family !== 4) continue;
        const before = this.#pool?.prefix.toString();
        if (before === prefix.toString()) return;
        this.#usePodCidr(prefix);
        if (before !== undefined) log.warn({ before, now: prefix.toString() }, "the node's pod range is another one");
        return;
      } catch (error) {
        log.error({ podCIDR: text, error: errorMessage(error) }, "the node's pod range cannot be used");
      }
    }
  }

  /** Of a restored endpoint; its address may be of a range that the node no longer has. */
  claim(id: EndpointId, addr: Addr): void {
    this.ids.claim(id);
    this.#used.set(id, addr);
    this.#pool?.reserve(addr);
  }

  /** E_CNI_BUSY while the node has no pod range, E_IPAM_*, E_ENDPOINT_IDS; then nothing is taken. */
  allocate(requested: Addr | undefined): { readonly id: EndpointId; readonly addr: Addr } {
    const pool = this.#pool;
    if (pool === undefined) {
      throw endpointErrors.make('E_CNI_BUSY', { detail: 'the pod CIDR of this node is not known yet' });
    }
    const addr = pool.allocate(requested);
    try {
      const id = this.ids.allocate();
      this.#used.set(id, addr);
      this.#state.writeJson(FILE, { endpoint: this.ids.last, address: pool.cursor } satisfies z.input<
        typeof cursorsSchema
      >);
      return { id, addr };
    } catch (error) {
      pool.release(addr);
      throw error;
    }
  }

  /** `addr`: undefined when nobody knows which it was. `now`: of the clock that nobody sets, or an id would come back too early. */
  release(id: EndpointId, addr: Addr | undefined, now: number): void {
    if (addr !== undefined) this.#pool?.release(addr);
    this.#used.delete(id);
    this.ids.release(id);
    this.#released.set(id, now);
  }

  /** After a run of the conntrack collector: ids whose entries are certainly gone can come back. */
  collected(now: number): void {
    for (const [id, at] of this.#released) {
      if (now - at < PURGED_AFTER_MS) continue;
      this.#released.delete(id);
      this.ids.purged(id);
    }
  }
}
