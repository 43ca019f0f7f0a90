import type { Inventory, TenantSummary, WorkloadView } from '../../../src/ui/messages.ts';
import { placeName } from '../../../src/ui/place.ts';

/** A place on the map. `isGone`: it talked within this time, and is not there any more. */
export type MapPlace = {
  readonly key: string;
  readonly name: string;
  readonly workload?: WorkloadView;
  readonly isGone: boolean;
};
export type MapNamespace = { readonly name: string; readonly places: readonly MapPlace[] };
export type MapIsland = {
  /** `tenant:shop`, `ns:default`, `outside` */
  readonly key: string;
  readonly title: string;
  /** Why all of it is closed. */
  readonly closed?: string;
  readonly namespaces: readonly MapNamespace[];
};

const OUTSIDE = 'outside';
/** Folded, always: of namespaces that are too many to draw. */
export const BEYOND = 'beyond';
/** More is nobody's map: those that a filter names go before the others, then those that have somebody. */
const MOST_NAMESPACES = 400;

/**
 * Every namespace is on one island: its tenant's, or, where it is nobody's, one of its own. Who is no workload is outside. `wanted`:
 * namespaces that are drawn before others.
 */
export function islandsOf(
  { tenants, workloads, isPartial }: Inventory,
  talking: ReadonlySet<string>,
  wanted: ReadonlySet<string> = new Set(),
): MapIsland[] {
  const namespaces = new Map<string, MapPlace[]>();
  const put = (namespace: string, place: MapPlace): void => {
    const known = namespaces.get(namespace);
    if (known === undefined) namespaces.set(namespace, [place]);
    else known.push(place);
  };
  const known = new Set<string>();
  for (const workload of workloads) {
    known.add(workload.key);
    put(workload.namespace, { key: workload.key, name: workload.name, workload, isGone: false });
  }
  const outside: MapPlace[] = [];
  for (const key of talking) {
    if (known.has(key)) continue;
    const { name, namespace } = placeName(key);
    if (namespace === undefined) outside.push({ key, name, isGone: false });
    else put(namespace, { key, name: name === '?' ? 'unknown' : name, isGone: isPartial !== true });
  }
  for (const { namespaces: names } of tenants)
    for (const name of names) if (!namespaces.has(name)) namespaces.set(name, []);
  const owners = new Map<string, TenantSummary>();
  for (const tenant of tenants) if (tenant.name !== '') for (const name of tenant.namespaces) owners.set(name, tenant);

  const islands = new Map<string, { title: string; closed?: string; namespaces: MapNamespace[] }>();
  const { drawn, beyond } = drawnOf(namespaces, wanted);
  for (const name of drawn) {
    const tenant = owners.get(name);
    const key = tenant === undefined ? `ns:${name}` : `tenant:${tenant.name}`;
    const places = (namespaces.get(name) ?? []).toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const island = islands.get(key);
    if (island !== undefined) island.namespaces.push({ name, places });
    else {
      const closed = tenant?.closed === undefined ? {} : { closed: tenant.closed };
      islands.set(key, { title: tenant?.name ?? name, ...closed, namespaces: [{ name, places }] });
    }
  }
  // Empty namespaces of nobody are no islands: there is nothing to see.
  const all = [...islands]
    .filter(([key, island]) => key.startsWith('tenant:') || island.namespaces.some(({ places }) => places.length > 0))
    .map(([key, island]) => ({ key, ...island }));
  const world = outside.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return [
    ...(world.length === 0 ? [] : [{ key: OUTSIDE, title: 'outside', namespaces: [{ name: '', places: world }] }]),
    ...all.filter(({ key }) => key !== 'tenant:system'),
    ...all.filter(({ key }) => key === 'tenant:system'),
    ...(beyond.length === 0 ? [] : [beyondOf(beyond.map((name) => ({ name, places: namespaces.get(name) ?? [] })))]),
  ];
}

const beyondOf = (namespaces: readonly MapNamespace[]): MapIsland => ({
  key: BEYOND,
  title: `${namespaces.length.toLocaleString('en')} more namespaces`,
  namespaces,
});

function drawnOf(namespaces: ReadonlyMap<string, readonly MapPlace[]>, wanted: ReadonlySet<string>) {
  const names = [...namespaces.keys()].sort();
  if (names.length <= MOST_NAMESPACES) return { drawn: names, beyond: [] };
  const rank = (name: string): number => {
    if (wanted.has(name)) return 0;
    return (namespaces.get(name)?.length ?? 0) > 0 ? 1 : 2;
  };
  const drawn = new Set(names.toSorted((a, b) => rank(a) - rank(b)).slice(0, MOST_NAMESPACES));
  return { drawn: [...drawn].sort(), beyond: names.filter((name) => !drawn.has(name)) };
}
