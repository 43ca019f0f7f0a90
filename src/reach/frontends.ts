import type { NamespacedName } from '../base/index.ts';
import { BACKEND_FLAG, SERVICE_FLAG, type ServiceScope } from '../model/index.ts';
import { type Addr, protocolName } from '../net/index.ts';

/** Where clients knock; `::` is every address of the node. Protocols by IANA's numbers. */
export type FrontendPlace = {
  readonly addr: Addr;
  readonly port: number;
  readonly protocol: number;
  readonly scope: ServiceScope;
};

export type BackendPlace = { readonly addr: Addr; readonly port: number };

/** A place at which a service is meant to answer. */
export type MeantFrontend = FrontendPlace & {
  readonly service: NamespacedName;
  /** Of one service equal for those whose clients keep their backend from one to the other. */
  readonly keeping: string;
  /** In any order, each once. None: connections are refused. */
  readonly leadsTo: readonly BackendPlace[];
  readonly affinitySeconds: number;
  /** Of each slot, which of `leadsTo`, where every node must send one client to one backend; undefined: any will do. */
  readonly table: (() => ArrayLike<number>) | undefined;
  /** The maps have no room for all of it: it may be less, and never more. */
  readonly mayLack: boolean;
};

/** What is in the kernel's maps, row by row; see bpf/lib/types.h and lb_choose in bpf/lib/lb.h. */
export type KernelServices = {
  readonly frontends: readonly (readonly [FrontendPlace, FrontendRow])[];
  /** By revision: a slot and its backend in turn. */
  readonly slots: ReadonlyMap<number, readonly number[]>;
  readonly backends: ReadonlyMap<number, BackendRow>;
  /** Clients that are sent back to a backend that they had, whichever is chosen for others: those for whom it is not one of `keepers`. */
  readonly kept: readonly KeptClient[];
};

type FrontendRow = {
  readonly revision: number;
  readonly count: number;
  readonly service: number;
  readonly affinitySeconds: number;
  readonly flags: number;
};
type BackendRow = BackendPlace & { readonly protocol: number; readonly flags: number };

export type KeptClient = { readonly client: Addr; readonly service: number; readonly backend: number };

/** A place at which the kernel sends clients elsewhere than it is meant, or says of it what is not meant. */
export type FrontendDifference = {
  readonly effect: 'opens' | 'closes' | 'other';
  readonly frontend: FrontendPlace;
  /** Undefined: nobody's. */
  readonly service: NamespacedName | undefined;
  /** Of `opens`: where one of its clients may come to. */
  readonly backend: BackendPlace | undefined;
  /** Whom alone it concerns; undefined: everybody. */
  readonly client: Addr | undefined;
  /** Whoever knocks is refused. */
  readonly isShut: boolean;
  /** Places, or clients, of which the same is true. */
  readonly pairs: number;
  readonly rows: readonly string[];
  readonly meant: readonly string[];
};

/** Backends that are named of many; the rest is a number. */
const NAMED = 5;

/**
 * Every place of which the two accounts differ: whoever connects there may be sent to other backends than is meant, to
 * fewer, or by other rules. `services`: the places of one after the other. Yields often.
 */
export function* frontendDifferences(
  kernel: KernelServices,
  services: Iterable<readonly MeantFrontend[]>,
): Generator<FrontendDifference | undefined> {
  const sets = new BackendSets(kernel);
  const rows = new Map(kernel.frontends.map((row) => [frontendText(row[0]), row]));
  /** By number under which clients keep their backends: whose it is. */
  const owners = new Map<number, { readonly keeping: string; readonly meant: MeantFrontend }>();
  for (const meant of services) {
    const told = new Map<string, FrontendDifference>();
    for (const frontend of meant) {
      yield undefined;
      const text = frontendText(frontend);
      const row = rows.get(text)?.[1];
      rows.delete(text);
      for (const found of row === undefined ? lackingRow(frontend) : ofFrontend(frontend, row, sets)) add(told, found);
      if (row === undefined) continue;
      const keeping = `${frontend.service} ${frontend.keeping}`;
      const owner = owners.get(row.service) ?? { keeping, meant: frontend };
      owners.set(row.service, owner);
      if (owner.keeping !== keeping && !frontend.mayLack) {
        const says = `services row: ${text} keeps its clients' backends under number ${row.service}, as ${frontendText(owner.meant)} of ${owner.meant.service}`;
        add(told, { ...of(frontend), effect: 'other', rows: [says], meant: ['each has a number of its own'] });
      }
    }
    yield* told.values();
  }
  for (const [place, row] of rows.values()) {
    yield undefined;
    const { ids } = sets.of(row);
    const backend = ids.map((id) => kernel.backends.get(id)).find((one) => one !== undefined);
    yield {
      ...of({ ...place, service: undefined }),
      effect: backend === undefined ? 'closes' : 'opens',
      backend,
      isShut: backend === undefined,
      rows: [rowText(place, row), ...sets.texts(row, ids)],
      meant: ['no Service wants it'],
    };
  }
  yield* keptDifferences(kernel, (number) => owners.get(number)?.meant);
}

/** Backends that clients under one number may have, and how long they keep theirs at most, s. */
export type Keepers = { readonly ids: ReadonlySet<number>; readonly seconds: number };

/** By number under which clients keep their backends. */
export function keepers(kernel: Pick<KernelServices, 'frontends' | 'slots'>): ReadonlyMap<number, Keepers> {
  const sets = new BackendSets({ ...kernel, backends: new Map() });
  const found = new Map<number, { readonly ids: Set<number>; readonly seconds: number }>();
  for (const [, row] of kernel.frontends) {
    if (row.affinitySeconds === 0) continue;
    const { ids, seconds } = found.get(row.service) ?? { ids: new Set<number>(), seconds: 0 };
    for (const id of sets.of(row).ids) ids.add(id);
    found.set(row.service, { ids, seconds: Math.max(seconds, row.affinitySeconds) });
  }
  return found;
}

/** `TCP 10.96.0.10:80 (inside)`. */
export function frontendText({ addr, port, protocol, scope }: FrontendPlace): string {
  return `${protocolName(protocol)} ${placeText({ addr, port })} (${scope})`;
}

export function placeText({ addr, port }: BackendPlace): string {
  return addr.includes(':') ? `[${addr}]:${port}` : `${addr}:${port}`;
}

const of = ({ addr, port, protocol, scope, service }: FrontendPlace & Pick<FrontendDifference, 'service'>) => ({
  frontend: { addr, port, protocol, scope },
  service,
  backend: undefined,
  client: undefined,
  isShut: false,
  pairs: 1,
});

/** What is the same of many places of a service is said once. */
function add(told: Map<string, FrontendDifference>, found: FrontendDifference): void {
  const [own, ...causes] = found.rows;
  const key = causes.length === 0 ? `${own}` : [found.effect, ...causes, ...found.meant].join('\n');
  const known = told.get(key);
  told.set(key, known === undefined ? found : { ...known, pairs: known.pairs + found.pairs });
}

const rowText = (place: FrontendPlace, { revision, count }: FrontendRow): string =>
  `services row: ${frontendText(place)} leads to set ${revision} of ${count} slots`;

function manyText(places: readonly BackendPlace[]): string {
  const named = places.slice(0, NAMED).map(placeText).join(', ');
  return places.length > NAMED ? `${named} and ${places.length - NAMED} more` : named;
}

const meantText = ({ service, leadsTo }: MeantFrontend): string =>
  leadsTo.length === 0
    ? `${service} has no backend: connections are refused`
    : `${service} leads to ${manyText(leadsTo)}`;

function lackingRow(meant: MeantFrontend): FrontendDifference[] {
  if (meant.mayLack) return [];
  const row = `no services row of ${frontendText(meant)}`;
  return [{ ...of(meant), effect: 'closes', isShut: true, rows: [row], meant: [meantText(meant)] }];
}

function ofFrontend(meant: MeantFrontend, row: FrontendRow, sets: BackendSets): FrontendDifference[] {
  const found: FrontendDifference[] = [];
  const { ids, missing } = sets.of(row);
  const wanted = new Set(meant.leadsTo.map(placeText));
  const tell = (
    effect: FrontendDifference['effect'],
    rows: readonly string[],
    more: Partial<FrontendDifference> = {},
  ) => found.push({ ...of(meant), effect, rows: [rowText(meant, row), ...rows], meant: [meantText(meant)], ...more });
  const there = ids.flatMap((id) => {
    const value = sets.backend(id);
    return value === undefined ? [] : [{ id, value }];
  });
  const strange = there.filter(({ value }) => !wanted.has(placeText(value)));
  const [stranger] = strange;
  if (stranger !== undefined) {
    const texts = sets.texts(
      row,
      strange.map(({ id }) => id),
    );
    tell('opens', texts, { backend: stranger.value });
  }
  if (meant.mayLack) return found;
  const isShut = there.length === 0;
  const has = new Set(there.map(({ value }) => placeText(value)));
  const lacking = meant.leadsTo.filter((place) => !has.has(placeText(place)));
  if (lacking.length > 0) tell('closes', [`no slot of set ${row.revision} leads to ${manyText(lacking)}`], { isShut });
  if (missing > 0) tell('closes', [`${missing} slots of set ${row.revision} have no service_slots row`], { isShut });
  for (const id of ids) {
    const value = sets.backend(id);
    if (value === undefined) tell('closes', [`no backends row ${id}, which set ${row.revision} leads to`], { isShut });
    else if (value.flags !== 0 || value.protocol !== meant.protocol) tell('other', [backendText(id, value)]);
  }
  const flags = meant.table === undefined ? 0 : SERVICE_FLAG.hashed;
  if (row.affinitySeconds !== meant.affinitySeconds || row.flags !== flags) {
    const says = (seconds: number, bits: number): string =>
      `affinity of ${seconds} s, flags 0x${bits.toString(16)}${(bits & SERVICE_FLAG.hashed) === 0 ? '' : ' (hashed)'}`;
    const text = `services row: ${frontendText(meant)} has an ${says(row.affinitySeconds, row.flags)}`;
    const wants = `${meant.service} wants an ${says(meant.affinitySeconds, flags)}`;
    found.push({ ...of(meant), effect: 'other', rows: [text], meant: [wants] });
  }
  if (meant.table !== undefined && found.length === 0 && !sets.isTable(row, meant, meant.table())) {
    const text = `set ${row.revision}: its slots are in another order, or another number`;
    tell('other', [text], { meant: [`${meant.service} has the table that all nodes have`] });
  }
  return found;
}

/** `ownerOf`: whose a number is. */
function* keptDifferences(
  { kept, backends, frontends }: KernelServices,
  ownerOf: (number: number) => MeantFrontend | undefined,
): Generator<FrontendDifference | undefined> {
  if (kept.length === 0) return;
  const told = new Map<string, FrontendDifference>();
  const places = new Map(
    frontends.flatMap(([place, row]) => (row.affinitySeconds === 0 ? [] : [[row.service, { place, row }] as const])),
  );
  for (const { client, service, backend: id } of kept) {
    yield undefined;
    const backend = backends.get(id);
    const at = places.get(service);
    // Who drains, or is gone, is nobody's any more.
    if (backend === undefined || (backend.flags & BACKEND_FLAG.draining) !== 0 || at === undefined) continue;
    const key = `${service} ${id}`;
    const known = told.get(key);
    if (known !== undefined) {
      told.set(key, { ...known, pairs: known.pairs + 1 });
      continue;
    }
    const owner = ownerOf(service);
    told.set(key, {
      ...of({ ...at.place, service: owner?.service }),
      effect: 'opens',
      backend,
      client,
      rows: [`affinity row: client ${client} of number ${service} keeps backend ${id}`, backendText(id, backend)],
      meant: [owner === undefined ? 'no Service wants it' : meantText(owner)],
    });
  }
  yield* told.values();
}

function backendText(id: number, { addr, port, protocol, flags }: BackendRow): string {
  const drains = (flags & BACKEND_FLAG.draining) === 0 ? '' : ', which drains';
  return `backends row ${id}: ${protocolName(protocol)} ${placeText({ addr, port })}${drains}`;
}

type BackendSet = { readonly ids: readonly number[]; readonly missing: number };

/** What the slots of each frontend lead to: many have one set, and some have a slot for every hash. */
class BackendSets {
  readonly #kernel: Pick<KernelServices, 'slots' | 'backends'>;
  readonly #known = new Map<string, BackendSet>();

  constructor(kernel: Pick<KernelServices, 'slots' | 'backends'>) {
    this.#kernel = kernel;
  }

  backend(id: number): BackendRow | undefined {
    return this.#kernel.backends.get(id);
  }

  of({ revision, count }: FrontendRow): BackendSet {
    const key = `${revision} ${count}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const ids = new Set<number>();
    let found = 0;
    const slots = this.#kernel.slots.get(revision) ?? [];
    for (let at = 0; at < slots.length; at += 2) {
      if ((slots[at] ?? 0) >= count) continue;
      found += 1;
      ids.add(slots[at + 1] ?? 0);
    }
    const set = { ids: Array.from(ids).sort((a, b) => a - b), missing: count - found };
    this.#known.set(key, set);
    return set;
  }

  /** The rows that lead to these. */
  texts({ revision }: FrontendRow, ids: readonly number[]): string[] {
    const texts = ids.slice(0, NAMED).map((id) => {
      const value = this.backend(id);
      return `service_slots row of set ${revision}: ${value === undefined ? `backend ${id}, which is not there` : backendText(id, value)}`;
    });
    return ids.length > NAMED ? [...texts, `and ${ids.length - NAMED} more`] : texts;
  }

  /** Does each slot lead where the table says? */
  isTable(row: FrontendRow, { leadsTo }: MeantFrontend, table: ArrayLike<number>): boolean {
    const { revision, count } = row;
    if (count !== table.length) return false;
    const indexOf = new Map(leadsTo.map((place, index) => [placeText(place), index]));
    const byId = new Map(
      this.of(row).ids.map((id) => {
        const value = this.backend(id);
        return [id, value && indexOf.get(placeText(value))];
      }),
    );
    const slots = this.#kernel.slots.get(revision) ?? [];
    for (let at = 0; at < slots.length; at += 2) {
      const slot = slots[at] ?? 0;
      if (slot < count && byId.get(slots[at + 1] ?? 0) !== table[slot]) return false;
    }
    return true;
  }
}
