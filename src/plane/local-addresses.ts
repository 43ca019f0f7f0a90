import { type EndpointsMap, type EndpointValue, sameRow } from '../datapath/index.ts';
import type { Addr } from '../net/index.ts';
import type { LocalChanges, LocalRows } from './local-rows.ts';

/** Keeps the kernel's table of local addresses (pods' and the node's own) at what is desired. */
export class LocalAddresses {
  readonly #map: EndpointsMap;
  readonly #actual = new Map<Addr, EndpointValue>();
  /** Everything is to be compared, not only what changed. */
  #isUnsure = true;

  constructor(map: EndpointsMap) {
    this.#map = map;
  }

  /** Reads what an earlier life left. */
  async load(): Promise<void> {
    this.#actual.clear();
    this.#isUnsure = true;
    for (const [addr, value] of await this.#map.entries()) this.#actual.set(addr, value);
  }

  get(addr: Addr): EndpointValue | undefined {
    return this.#actual.get(addr);
  }

  /** What the kernel is known to hold. */
  entries(): MapIterator<[Addr, EndpointValue]> {
    return this.#actual.entries();
  }

  /** Before an address is given back: whatever is sent to it from now on meets nobody. */
  remove(addr: Addr): void {
    this.#map.delete(addr);
    this.#actual.delete(addr);
  }

  /**
   * Writes what is new or other of `rows`; after a failure the next call compares everything. `before` is told first of
   * addresses that go from the outside or from the node to somebody else, or to the node: connections with them name no
   * endpoint. Those with a pod do, and so are judged anew by themselves when it goes. E_DATAPATH_MAP_FULL.
   */
  reconcile(rows: Pick<LocalRows, 'changes' | 'desired'>, before: (moved: readonly Addr[]) => void): void {
    const wanted = this.#isUnsure ? this.#withGone(rows.desired()) : rows.changes();
    this.#isUnsure = true;
    before(this.#moves(wanted));
    for (const [addr, value] of wanted) if (value === undefined && this.#actual.has(addr)) this.remove(addr);
    for (const [addr, value] of wanted) {
      const actual = this.#actual.get(addr);
      if (value === undefined || (actual !== undefined && sameRow(value, actual))) continue;
      this.#map.set(addr, value);
      this.#actual.set(addr, value);
    }
    this.#isUnsure = false;
  }

  #withGone(desired: LocalChanges): LocalChanges {
    const gone = Array.from(this.#actual.keys()).filter((addr) => !desired.has(addr));
    return new Map([...desired, ...gone.map((addr): [Addr, undefined] => [addr, undefined])]);
  }

  #moves(wanted: LocalChanges): Addr[] {
    const moved = Array.from(wanted).filter(([addr, value]) => {
      const actual = this.#actual.get(addr);
      if (value === undefined) return actual?.endpoint === 0;
      return actual === undefined || (actual.endpoint === 0) !== (value.endpoint === 0);
    });
    return moved.map(([addr]) => addr);
  }
}
