import { isMembraneError } from '../base/index.ts';
import type { AddressBook, IpcacheRow } from '../cluster/index.ts';
import { type IpcacheMap, type IpcacheValue, sameRow } from '../datapath/index.ts';
import { isCidrId, RESERVED_IDS } from '../identity/index.ts';
import { type Addr, Prefix, PrefixMap } from '../net/index.ts';
import type { OutsideWords } from './outside-words.ts';

/** By prefix alone; no pod or node has it. */
const isPlace = (row: IpcacheRow | undefined): boolean =>
  row === undefined || row.value.identity === RESERVED_IDS.world || isCidrId(row.value.identity);

const ownerChanges = (before: IpcacheRow | undefined, after: IpcacheRow | undefined): boolean =>
  before?.value.identity !== after?.value.identity ? !(isPlace(before) && isPlace(after)) : isMoved(before, after);

/** The same owner at another node. A range has no connections of its own. */
const isMoved = (before: IpcacheRow | undefined, after: IpcacheRow | undefined): boolean =>
  before?.value.tunnel !== after?.value.tunnel && after !== undefined && !isRange(after);

const RANGES: ReadonlySet<number> = new Set([RESERVED_IDS['service-range'], RESERVED_IDS['pod-range']]);
const isRange = ({ value }: IpcacheRow): boolean => RANGES.has(value.identity);
const isHost = ({ prefix }: IpcacheRow): boolean => prefix.length === prefix.bits;

type Wanted = ReadonlyMap<string, IpcacheRow | undefined>;

/** Keeps the kernel's ipcache at what is desired, by differences against what it is known to hold. */
export class IpcacheReconciler {
  readonly #map: IpcacheMap;
  /** Without their prefixes, which a hundred thousand times are a tenth of what an agent takes. */
  readonly #actual = new Map<string, IpcacheValue>();
  /** Of `#actual`. */
  readonly #actualRanges = new Map<string, Prefix>();
  /** The same, for who asks what lies in one. */
  #ranges = new PrefixMap<true>();
  /** Everything is to be compared, not only what changed. */
  #isUnsure = true;
  #generation = 0;

  constructor(map: IpcacheMap) {
    this.#map = map;
  }

  get size(): number {
    return this.#actual.size;
  }

  /** Another number whenever what the kernel is known to hold may be other. */
  get generation(): number {
    return this.#generation;
  }

  /** What the kernel is known to hold, by prefix in canonical text. */
  entries(): MapIterator<[string, IpcacheValue]> {
    return this.#actual.entries();
  }

  /** Whether it is known to hold this prefix, in canonical text. */
  has(prefix: string): boolean {
    return this.#actual.has(prefix);
  }

  /** Reads what an earlier life left. */
  async load(): Promise<void> {
    this.#generation += 1;
    this.#actual.clear();
    this.#actualRanges.clear();
    this.#ranges = new PrefixMap();
    this.#isUnsure = true;
    for (const [prefix, value] of await this.#map.entries()) this.#note(prefix.toString(), { prefix, value });
  }

  /** Ranges of pods that the kernel's table has. */
  get podRanges(): readonly Prefix[] {
    return Array.from(this.#actualRanges).flatMap(([text, prefix]) =>
      this.#actual.get(text)?.identity === RESERVED_IDS['pod-range'] ? [prefix] : [],
    );
  }

  /**
   * Writes what is new or other, then removes what is not desired; the other way round when there is no room before.
   * Unsettles `outside` where the owner of an address changes: a pod or node comes, goes or becomes another. Prefixes alone
   * decide nothing: what a policy says of an address is the same before and after somebody else names a prefix around or
   * inside its own. After a failure the next call compares everything; E_DATAPATH_MAP_FULL.
   */
  async reconcile(
    book: Pick<AddressBook, 'changes' | 'desired'>,
    outside: Pick<OutsideWords, 'unsettle'>,
  ): Promise<void> {
    await this.#apply(this.#wanted(book), outside);
  }

  #wanted(book: Pick<AddressBook, 'changes' | 'desired'>): Wanted {
    if (!this.#isUnsure) return book.changes();
    const desired = book.desired();
    const gone = Array.from(this.#actual.keys()).filter((text) => !desired.has(text));
    return new Map<string, IpcacheRow | undefined>([
      ...desired,
      ...gone.map((text): [string, undefined] => [text, undefined]),
    ]);
  }

  async #apply(wanted: Wanted, outside: Pick<OutsideWords, 'unsettle'>): Promise<void> {
    this.#isUnsure = true;
    const upserts: IpcacheRow[] = [];
    const gone: IpcacheRow[] = [];
    for (const [text, row] of wanted) {
      const actual = this.#actual.get(text);
      if (row === undefined && actual !== undefined) gone.push({ prefix: Prefix.parse(text), value: actual });
      if (row !== undefined && (actual === undefined || !sameRow(row.value, actual))) upserts.push(row);
    }
    // The cluster's own ranges first, whatever else finds no room. Then the most specific: an exception that is missing
    // would be judged as the prefix around it.
    upserts.sort((a, b) => Number(isRange(b)) - Number(isRange(a)) || b.prefix.length - a.prefix.length);
    this.#unsettle(upserts, gone, outside);
    try {
      await this.#write(upserts);
      await this.#remove(gone);
    } catch (error) {
      // How far it came is not known: what is there and not desired must not stay for good.
      await this.load();
      if (gone.length === 0 || !isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
      await this.#remove(gone);
      return await this.#apply(wanted, outside);
    }
    this.#isUnsure = false;
  }

  /**
   * Was the address nobody's in the kernel, who lets nothing pass to or from one? Then no connection with it is in force:
   * those of a former owner ended with him.
   */
  isNobodys(addr: Addr): boolean {
    const prefix = Prefix.host(addr);
    return !this.#actual.has(prefix.toString()) && this.#isInRange(prefix);
  }

  #isInRange(prefix: Prefix): boolean {
    return this.#ranges.around(prefix) !== undefined;
  }

  #unsettle(
    upserts: readonly IpcacheRow[],
    gone: readonly IpcacheRow[],
    outside: Pick<OutsideWords, 'unsettle'>,
  ): void {
    const come = upserts.filter((row) => {
      const value = this.#actual.get(row.prefix.toString());
      const before = value && { prefix: row.prefix, value };
      if (before === undefined && isHost(row) && this.#isInRange(row.prefix)) return false;
      return ownerChanges(before, row);
    });
    const moved = [...come, ...gone.filter((row) => ownerChanges(row, undefined))];
    outside.unsettle(moved.every(isHost) ? moved.map(({ prefix }) => prefix.network) : 'all');
  }

  async #write(rows: readonly IpcacheRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#map.setMany(rows.map(({ prefix, value }) => [prefix, value] as const));
    for (const row of rows) this.#note(row.prefix.toString(), row);
  }

  async #remove(rows: readonly IpcacheRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#map.deleteMany(rows.map(({ prefix }) => prefix));
    for (const { prefix } of rows) this.#note(prefix.toString(), undefined);
  }

  /** The kernel holds it. */
  #note(text: string, row: IpcacheRow | undefined): void {
    this.#generation += 1;
    if (row === undefined) this.#actual.delete(text);
    else this.#actual.set(text, row.value);
    if (row !== undefined && isRange(row)) {
      this.#actualRanges.set(text, row.prefix);
      this.#ranges.set(row.prefix, true);
      return;
    }
    const range = this.#actualRanges.get(text);
    if (range === undefined) return;
    this.#actualRanges.delete(text);
    this.#ranges.delete(range);
  }
}
