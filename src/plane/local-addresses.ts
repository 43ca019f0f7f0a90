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
   * Addresses that `desired` takes from the outside or from the node, or gives to the node: connections with them name no
   * endpoint. Those with a pod do, and so are judged anew by themselves when it goes.
   */
  moves(desired: ReadonlyMap<Addr, EndpointValue>): Addr[] {
    const gone = Array.from(this.#actual).filter(([addr, { endpoint }]) => endpoint === 0 && !desired.has(addr));
    const come = Array.from(desired).filter(([addr, { endpoint }]) => {
      const actual = this.#actual.get(addr);
      return actual === undefined || (actual.endpoint === 0) !== (endpoint === 0);
    });
    return [...gone, ...come].map(([addr]) => addr);
  }

  /** E_DATAPATH_MAP_FULL. */
  reconcile(desired: ReadonlyMap<Addr, EndpointValue>): void {
    for (const addr of this.#actual.keys()) if (!desired.has(addr)) this.remove(addr);
    for (const [addr, value] of desired) {
      const actual = this.#actual.get(addr);
      if (actual !== undefined && same(actual, value)) continue;
      this.#map.set(addr, value);
      this.#actual.set(addr, value);
    }
  }
}
