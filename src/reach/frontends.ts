import type { NamespacedName } from '../base/index.ts';
import { BACKEND_FLAG, SERVICE_FLAG, type ServiceScope } from '../model/index.ts';
import { type Addr, protocolName } from '../net/index.ts';
import { PlaceIndex } from './place-index.ts';

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

/** Of a map of the kernel, in any order; what is asked for again is made again. */
export type Rows<K, V> = { readonly length: number; key(index: number): K; value(index: number): V };

/** What is in the kernel's maps, row by row; see bpf/lib/types.h and lb_choose in bpf/lib/lb.h. */
export type KernelServices = {
  readonly frontends: Rows<FrontendPlace, FrontendRow>;
  readonly slots: Rows<{ readonly revision: number; readonly slot: number }, { readonly backend: number }>;
  readonly backends: Rows<number, BackendRow>;
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
  const { frontends } = kernel;
  const sets = yield* BackendSets.of(kernel);
  const places = yield* PlaceIndex.of(frontends);
  /** Of each row whether somebody means it. */
  const isMeant = new Uint8Array(frontends.length);
  const owners = new Map<number, Owner>();
  for (const meant of services) {
    const told = new Map<string, FrontendDifference>();
    for (const frontend of meant) {
      yield undefined;
      const index = places.get(frontend);
      if (index === undefined) {
        for (const found of lackingRow(frontend)) add(told, found);
        continue;
      }
      const row = frontends.value(index);
      isMeant[index] = 1;
      for (const found of ofFrontend(frontend, row, sets)) add(told, found);
      const { service, keeping } = frontend;
      const remembers = row.affinitySeconds > 0 || frontend.affinitySeconds > 0;
      const owner = owners.get(row.service) ?? { service, keeping, index, meant: remembers ? frontend : undefined };
      if (!owners.has(row.service)) owners.set(row.service, owner);
      if ((owner.service !== service || owner.keeping !== keeping) && !frontend.mayLack) {
        const says = `services row: ${frontendText(frontend)} keeps its clients' backends under number ${row.service}, as ${frontendText(frontends.key(owner.index))} of ${owner.service}`;
        add(told, { ...of(frontend), effect: 'other', rows: [says], meant: ['each has a number of its own'] });
      }
    }
    yield* told.values();
  }
  for (let index = 0; index < frontends.length; index += 1) {
    yield undefined;
    if (isMeant[index] === 1) continue;
    const [place, row] = [frontends.key(index), frontends.value(index)];
    const { ids } = sets.of(row);
    const backend = ids.map((id) => sets.backend(id)).find((one) => one !== undefined);
    yield {
      ...of({ ...place, service: undefined }),
      effect: backend === undefined ? 'closes' : 'opens',
      backend,
      isShut: backend === undefined,
      rows: [rowText(place, row), ...sets.texts(row, ids)],
      meant: ['no Service wants it'],
    };
  }
  yield* keptDifferences(kernel, sets, (number) => owners.get(number)?.meant);
}

/** Whose the number is under which clients keep their backends: the first that has it, by its row. */
type Owner = {
  readonly service: NamespacedName;
  readonly keeping: string;
  readonly index: number;
  /** Undefined: its clients keep none. */
  readonly meant: MeantFrontend | undefined;
};

/** Backends that clients under one number may have, and how long they keep theirs at most, s. */
export type Keepers = { readonly ids: ReadonlySet<number>; readonly seconds: number };

/** By number under which clients keep their backends. Yields often. */
export function* keepers(
  kernel: Pick<KernelServices, 'frontends' | 'slots'>,
): Generator<undefined, ReadonlyMap<number, Keepers>> {
  const { frontends } = kernel;
  const found = new Map<number, { readonly ids: Set<number>; readonly seconds: number }>();
  let sets: BackendSets | undefined;
  for (let index = 0; index < frontends.length; index += 1) {
    yield undefined;
    const row = frontends.value(index);
    if (row.affinitySeconds === 0) continue;
    sets ??= yield* BackendSets.of({ ...kernel, backends: NO_ROWS });
    const { ids, seconds } = found.get(row.service) ?? { ids: new Set<number>(), seconds: 0 };
    for (const id of sets.of(row).ids) ids.add(id);
    found.set(row.service, { ids, seconds: Math.max(seconds, row.affinitySeconds) });
  }
  return found;
}

const NO_ROWS: Rows<never, never> = {
  length: 0,
  key: () => {
    throw new RangeError('there is no row');
  },
  value: () => {
    throw new RangeError('there is no row');
  },
};

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
  { kept, frontends }: KernelServices,
  sets: BackendSets,
  ownerOf: (number: number) => MeantFrontend | undefined,
): Generator<FrontendDifference | undefined> {
  if (kept.length === 0) return;
  const told = new Map<string, FrontendDifference>();
  const places = new Map<number, { readonly place: FrontendPlace }>();
  for (let index = 0; index < frontends.length; index += 1) {
    yield undefined;
    const row = frontends.value(index);
    if (row.affinitySeconds > 0) places.set(row.service, { place: frontends.key(index) });
  }
  for (const { client, service, backend: id } of kept) {
    yield undefined;
    const backend = sets.backend(id);
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

/** A set that has more slots is remembered: many frontends have it, and it has a slot for every hash. */
const FEW_SLOTS = 64;
const NONE = -1;

/** What the slots of each frontend lead to. */
class BackendSets {
  readonly #kernel: Pick<KernelServices, 'slots' | 'backends'>;
  /** By revision its last slot's row, and of each row the one before it of the same revision. */
  readonly #last = new Map<number, number>();
  readonly #before: Int32Array;
  readonly #backends = new Map<number, number>();
  readonly #known = new Map<string, BackendSet>();

  private constructor(kernel: Pick<KernelServices, 'slots' | 'backends'>) {
    this.#kernel = kernel;
    this.#before = new Int32Array(kernel.slots.length);
  }

  /** Yields often. */
  static *of(kernel: Pick<KernelServices, 'slots' | 'backends'>): Generator<undefined, BackendSets> {
    const sets = new BackendSets(kernel);
    const { slots, backends } = kernel;
    for (let index = 0; index < slots.length; index += 1) {
      yield undefined;
      const { revision } = slots.key(index);
      sets.#before[index] = sets.#last.get(revision) ?? NONE;
      sets.#last.set(revision, index);
    }
    for (let index = 0; index < backends.length; index += 1) {
      yield undefined;
      sets.#backends.set(backends.key(index), index);
    }
    return sets;
  }

  backend(id: number): BackendRow | undefined {
    const index = this.#backends.get(id);
    return index === undefined ? undefined : this.#kernel.backends.value(index);
  }

  /** Every slot of the revision and the backend that it leads to. */
  *#slots(revision: number): Generator<readonly [slot: number, backend: number]> {
    const { slots } = this.#kernel;
    for (let index = this.#last.get(revision) ?? NONE; index !== NONE; index = this.#before[index] ?? NONE) {
      yield [slots.key(index).slot, slots.value(index).backend];
    }
  }

  of({ revision, count }: FrontendRow): BackendSet {
    const key = `${revision} ${count}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const ids = new Set<number>();
    let [found, all] = [0, 0];
    for (const [slot, backend] of this.#slots(revision)) {
      all += 1;
      if (slot >= count) continue;
      found += 1;
      ids.add(backend);
    }
    const set = { ids: Array.from(ids).sort((a, b) => a - b), missing: count - found };
    if (all > FEW_SLOTS) this.#known.set(key, set);
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
    for (const [slot, backend] of this.#slots(revision)) {
      if (slot < count && byId.get(backend) !== table[slot]) return false;
    }
    return true;
  }
}
