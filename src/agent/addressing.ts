import { errorMessage, type Logger } from '../base/index.ts';
import { AddressPool, EndpointIds, endpointErrors } from '../endpoint/index.ts';
import { type EndpointId } from '../model/index.ts';
import { type Addr, Prefix } from '../net/index.ts';
import type { StateFiles } from './state-files.ts';

/** Ticks of conntrack after which nothing of an endpoint that is gone is left, with some to spare, in ms. */
const PURGED_AFTER_MS = 180_000;

/** Numbers and addresses of endpoints; where the next ones are taken from survives the agent. */
export class Addressing {
  readonly ids: EndpointIds;
  readonly #state: StateFiles;
  readonly #released = new Map<EndpointId, number>();
  #pool: AddressPool | undefined;

  constructor(state: StateFiles, podCidr: Prefix | undefined) {
    this.#state = state;
    this.ids = new EndpointIds(state.cursors().endpoint);
    const known = podCidr ?? rememberedCidr(state);
    if (known !== undefined) this.usePodCidr(known);
  }

  get pool(): AddressPool | undefined {
    return this.#pool;
  }

  /** Once; a later, other range is for the next start of the agent. */
  usePodCidr(prefix: Prefix): void {
    if (this.#pool !== undefined) return;
    this.#pool = new AddressPool(prefix, this.#state.cursors().address);
    this.#state.writeJson('pod-cidr', { podCIDR: prefix.toString() });
  }

  /** As the Node object says; the first range of a family we serve. */
  followNode(podCidrs: readonly string[], log: Logger): void {
    if (this.#pool !== undefined) return;
    for (const text of podCidrs) {
      try {
        const prefix = Prefix.parse(text);
        if (prefix.family === 4) return this.usePodCidr(prefix);
      } catch (error) {
        log.error({ podCIDR: text, error: errorMessage(error) }, "the node's pod range cannot be used");
      }
    }
  }

  /** Of a restored endpoint; its address may be of a range that the node no longer has. */
  claim(id: EndpointId, addr: Addr): void {
    this.ids.claim(id);
    if (this.#pool?.prefix.contains(addr)) this.#pool.allocate(addr);
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
      this.#state.putCursors({ endpoint: this.ids.last, address: pool.cursor });
      return { id, addr };
    } catch (error) {
      pool.release(addr);
      throw error;
    }
  }

  release(id: EndpointId, addr: Addr, now: number): void {
    this.#pool?.release(addr);
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

function rememberedCidr(state: StateFiles): Prefix | undefined {
  const value = state.readJson('pod-cidr');
  if (typeof value !== 'object' || value === null || !('podCIDR' in value) || typeof value.podCIDR !== 'string') {
    return undefined;
  }
  return Prefix.parse(value.podCIDR);
}
