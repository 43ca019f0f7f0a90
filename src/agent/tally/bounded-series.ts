/** What has no series of its own. No namespace and no tenant can have this name: none begins with `_`. */
export const OTHER = '_other';

/** Whose series it is. When there are too few for all, tenants have equal shares, and in each of them namespaces. */
export type SeriesName = {
  /** Value of the label `tenant`; without blanks. */
  readonly tenant: string;
  readonly namespace: string;
  readonly name: string;
};

/** One value of a series; `row` says of what. */
export type SeriesLine = SeriesName & { readonly row: string; readonly count: number };

type Value = { count: number; shown: number };
type Series = SeriesName & {
  readonly rows: Map<string, Value>;
  isGone: boolean;
  /** All that was counted has been shown. */
  isShown: boolean;
  /** When it was last there, or first showed its last values. */
  at: number;
};

export type BoundedSeriesOptions = {
  /** Names that have series of their own at a time, and tenants that have a sum of their own for the others. */
  readonly most: number;
  /** How long those of what is gone are shown: several scrapes, so that their last values are seen. */
  readonly keepMs: number;
  /** ms */
  readonly now: () => number;
};

/**
 * Counters of names that somebody else makes up. Each count is shown once, in the series of its name or in its tenant's
 * `_other`; a series that ends gives the latter what nobody has been shown of it. Nobody who has no more than a share is
 * pushed out: who has most gives.
 */
export class BoundedSeries {
  readonly #o: BoundedSeriesOptions;
  readonly #named = new Map<string, Series>();
  readonly #others = new Map<string, Series>();

  constructor(options: BoundedSeriesOptions) {
    this.#o = options;
  }

  add(name: SeriesName, row: string, count: number): void {
    if (count <= 0) return;
    const series = this.#seriesOf(name);
    const value = series.rows.get(row);
    if (value === undefined) series.rows.set(row, { count, shown: 0 });
    else value.count += count;
    series.isShown = false;
  }

  /** Once for each time that they are shown to somebody. Series of what is not there any more go after a while. */
  show(isThere: (name: SeriesName) => boolean): SeriesLine[] {
    const now = this.#o.now();
    for (const [key, series] of this.#named) {
      series.isGone = !isThere(series);
      if (!series.isGone) series.at = now;
      else if (this.#isOver(series, now)) this.#named.delete(key);
    }
    const tenants = new Set(Array.from(this.#named.values(), ({ tenant }) => tenant));
    for (const [key, series] of this.#others) {
      if (tenants.has(series.tenant)) series.at = now;
      else if (this.#isOver(series, now)) this.#others.delete(key);
    }
    return [...this.#named.values(), ...this.#others.values()].flatMap((series) => shown(series, now));
  }

  #isOver({ isShown, at }: Series, now: number): boolean {
    return isShown && now - at > this.#o.keepMs;
  }

  #seriesOf(name: SeriesName): Series {
    const key = `${name.tenant} ${name.name}`;
    const known = this.#named.get(key);
    if (known !== undefined) return known;
    if (this.#named.size >= this.#o.most && !this.#makeRoom(name)) return this.#otherOf(name.tenant);
    const made = seriesOf(name);
    this.#named.set(key, made);
    return made;
  }

  #otherOf(tenant: string): Series {
    const whose = this.#others.has(tenant) || this.#others.size < this.#o.most ? tenant : OTHER;
    const known = this.#others.get(whose);
    if (known !== undefined) return known;
    const made = seriesOf({ tenant: whose, namespace: OTHER, name: OTHER });
    this.#others.set(whose, made);
    return made;
  }

  /** False: it has its share already. */
  #makeRoom({ tenant, namespace }: SeriesName): boolean {
    const byTenant = Map.groupBy(this.#named.values(), (series) => series.tenant);
    const own = byTenant.get(tenant) ?? [];
    const gone = own.find(({ isGone }) => isGone);
    if (gone !== undefined) return this.#end(gone);
    const most = largest(byTenant);
    const isOthers = most.length > own.length + 1;
    const byNamespace = Map.groupBy(isOthers ? most : own, (series) => series.namespace);
    const first = largest(byNamespace);
    if (!isOthers && first.length <= (byNamespace.get(namespace)?.length ?? 0) + 1) return false;
    // The newest: what has been looked at for long goes on.
    const last = first.find(({ isGone }) => isGone) ?? first.at(-1);
    return last !== undefined && this.#end(last);
  }

  #end(series: Series): true {
    this.#named.delete(`${series.tenant} ${series.name}`);
    const other = this.#otherOf(series.tenant);
    for (const [row, { count, shown: told }] of series.rows) {
      const value = other.rows.get(row);
      if (count === told) continue;
      if (value === undefined) other.rows.set(row, { count: count - told, shown: 0 });
      else value.count += count - told;
      other.isShown = false;
    }
    return true;
  }
}

function seriesOf({ tenant, namespace, name }: SeriesName): Series {
  return { tenant, namespace, name, rows: new Map(), isGone: false, isShown: false, at: 0 };
}

/** Of several the one that came last. */
function largest(groups: ReadonlyMap<string, Series[]>): Series[] {
  let found: Series[] = [];
  for (const group of groups.values()) if (group.length >= found.length) found = group;
  return found;
}

function shown(series: Series, now: number): SeriesLine[] {
  if (!series.isShown) series.at = now;
  series.isShown = true;
  const { tenant, namespace, name } = series;
  return Array.from(series.rows, ([row, value]) => {
    value.shown = value.count;
    return { tenant, namespace, name, row, count: value.count };
  });
}
