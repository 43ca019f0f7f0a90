import type { EndpointsMap, EndpointValue } from '../datapath/index.ts';
import type { Addr } from '../net/index.ts';

const same = (a: EndpointValue, b: EndpointValue): boolean =>
  a.endpoint === b.endpoint && a.ifindex === b.ifindex && a.cidrIdentity === b.cidrIdentity;

/** Keeps the kernel's table of local addresses (pods' and the node's own) at what is desired. */
export class LocalAddresses {
  readonly #map: EndpointsMap;
  readonly #actual = new Map<Addr, EndpointValue>();

  constructor(map: EndpointsMap) {
    this.#map = map;
  }

  /** Reads what an earlier life left. */
  async load(): Promise<void> {
    this.#actual.clear();
    for (const [addr, value] of await this.#map.entries()) this.#actual.set(addr, value);
  }

  get(addr: Addr): EndpointValue | undefined {
    return this.#actual.get(addr);
  }

  /** Before an address is given back: whatever is sent to it from now on meets nobody. */
  remove(addr: Addr): void {
    this.#map.delete(addr);
    this.#actual.delete(addr);
  }

  /**
   * True when an address was nobody's or the node's before, or is now the node's: connections with such an address name
   * no endpoint. Those with a pod do, and so are judged anew by themselves when it goes. E_DATAPATH_MAP_FULL.
   */
  reconcile(desired: ReadonlyMap<Addr, EndpointValue>): boolean {
    let changed = false;
    for (const [addr, actual] of this.#actual) {
      if (desired.has(addr)) continue;
      this.remove(addr);
      changed ||= actual.endpoint === 0;
    }
    for (const [addr, value] of desired) {
      const actual = this.#actual.get(addr);
      if (actual !== undefined && same(actual, value)) continue;
      this.#map.set(addr, value);
      this.#actual.set(addr, value);
      changed ||= actual === undefined || (actual.endpoint === 0) !== (value.endpoint === 0);
    }
    return changed;
  }
}
