import { isMembraneError } from '../base/index.ts';
import type { IpcacheMap, IpcacheValue } from '../datapath/index.ts';
import { type IpcacheRow, isCidrId, RESERVED_IDS } from '../identity/index.ts';

/** By prefix alone; no pod or node has it. */
const isPlace = (row: IpcacheRow | undefined): boolean =>
  row === undefined || row.value.identity === RESERVED_IDS.world || isCidrId(row.value.identity);

const ownerChanges = (before: IpcacheRow | undefined, after: IpcacheRow | undefined): boolean =>
  before?.value.identity !== after?.value.identity && !(isPlace(before) && isPlace(after));

const same = (a: IpcacheValue, b: IpcacheValue): boolean =>
  a.identity === b.identity && a.cidrIdentity === b.cidrIdentity;

const RANGES: ReadonlySet<number> = new Set([RESERVED_IDS['service-range'], RESERVED_IDS['pod-range']]);
const isRange = ({ value }: IpcacheRow): boolean => RANGES.has(value.identity);

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
   * Writes what is new or other, then removes what is not desired; the other way round when there is no room before. True
   * when the owner of an address changed: a pod or node came, went or became another. Prefixes alone decide nothing: what
   * a policy says of an address is the same before and after somebody else names a prefix around or inside its own. A
   * failure leaves what was not written for the next call; E_DATAPATH_MAP_FULL.
   */
  async reconcile(desired: ReadonlyMap<string, IpcacheRow>): Promise<boolean> {
    const upserts = [...desired].flatMap(([text, row]) => {
      const actual = this.#actual.get(text);
      return actual === undefined || !same(actual.value, row.value) ? [row] : [];
    });
    // The cluster's own ranges first, whatever else finds no room. Then the most specific: an exception that is missing
    // would be judged as the prefix around it.
    upserts.sort((a, b) => Number(isRange(b)) - Number(isRange(a)) || b.prefix.length - a.prefix.length);
    const gone = [...this.#actual.values()].filter(({ prefix }) => !desired.has(prefix.toString()));
    const changed =
      upserts.some((row) => ownerChanges(this.#actual.get(row.prefix.toString()), row)) ||
      gone.some((row) => ownerChanges(row, undefined));
    try {
      await this.#write(upserts);
      await this.#remove(gone);
    } catch (error) {
      // How far it came is not known: what is there and not desired must not stay for good.
      await this.load();
      if (gone.length === 0 || !isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
      await this.#remove(gone);
      await this.reconcile(desired);
      return true;
    }
    return changed;
  }

  async #write(rows: readonly IpcacheRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#map.setMany(rows.map(({ prefix, value }) => [prefix, value] as const));
    for (const row of rows) this.#actual.set(row.prefix.toString(), row);
  }

  async #remove(rows: readonly IpcacheRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#map.deleteMany(rows.map(({ prefix }) => prefix));
    for (const { prefix } of rows) this.#actual.delete(prefix.toString());
  }
}
