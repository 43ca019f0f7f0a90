import type { IpcacheMap, IpcacheValue } from '../datapath/index.ts';
import { type IpcacheRow, isCidrId, RESERVED_IDS } from '../identity/index.ts';

/** By prefix alone; no pod or node has it. */
const isPlace = (row: IpcacheRow | undefined): boolean =>
  row === undefined || row.value.identity === RESERVED_IDS.world || isCidrId(row.value.identity);

const same = (a: IpcacheValue, b: IpcacheValue): boolean =>
  a.identity === b.identity && a.cidrIdentity === b.cidrIdentity;

/** Keeps the kernel's ipcache at what is desired, by differences against what it is known to hold. */
export class IpcacheReconciler {
  readonly #map: IpcacheMap;
  readonly #actual = new Map<string, IpcacheRow>();

  constructor(map: IpcacheMap) {
    this.#map = map;
  }

  get size(): number {
    return this.#actual.size;
  }

  /** Reads what an earlier life left. */
  async load(): Promise<void> {
    this.#actual.clear();
    for (const [prefix, value] of await this.#map.entries()) this.#actual.set(prefix.toString(), { prefix, value });
  }

  /**
   * Writes what is new or other, then removes what is not desired. True when the owner of an address changed: a pod or
   * node came, went or became another. Prefixes alone decide nothing: what a policy says of an address is the same before
   * and after somebody else names a prefix around or inside its own. A failure leaves what was not written for the next
   * call; E_DATAPATH_MAP_FULL.
   */
  async reconcile(desired: ReadonlyMap<string, IpcacheRow>): Promise<boolean> {
    const upserts = [...desired].filter(([text, row]) => {
      const actual = this.#actual.get(text);
      return actual === undefined || !same(actual.value, row.value);
    });
    // The most specific first: an exception that is missing would be judged as the prefix around it.
    upserts.sort(([, a], [, b]) => b.prefix.length - a.prefix.length);
    const gone = [...this.#actual].filter(([text]) => !desired.has(text));
    const owners = (text: string, row: IpcacheRow | undefined): boolean => {
      const actual = this.#actual.get(text);
      return actual?.value.identity !== row?.value.identity && !(isPlace(actual) && isPlace(row));
    };
    const changed = upserts.some(([text, row]) => owners(text, row)) || gone.some(([text]) => owners(text, undefined));
    if (upserts.length > 0) {
      await this.#map.setMany(upserts.map(([, row]) => [row.prefix, row.value] as const));
      for (const [text, row] of upserts) this.#actual.set(text, row);
    }
    if (gone.length > 0) {
      await this.#map.deleteMany(gone.map(([, row]) => row.prefix));
      for (const [text] of gone) this.#actual.delete(text);
    }
    return changed;
  }
}
