import { flatText, type NamespacedName } from '../../base/index.ts';
import {
  type BackendValue,
  type ServiceKey,
  type ServiceSlot,
  type ServiceSlotKey,
  type ServiceValue,
  sameRow,
} from '../../datapath/index.ts';
import { BACKEND_FLAG, type Backend, type Frontend, SERVICE_FLAG, type ServiceScope } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import { isForOutside, type MaglevSize, maglevTable, type ServiceRows } from '../../service/index.ts';
import type { FreshNumbers } from '../revisions/index.ts';
import type { ServiceLeftovers } from './service-leftovers.ts';

/**
 * A complete set of backends in the kernel, with a slot for each, or hashed with as many slots as a Maglev table has;
 * empty ones have revision 0 and no slots.
 */
export type BackendSet = {
  readonly revision: number;
  readonly ids: readonly number[];
  readonly slots: number;
  readonly hashed: boolean;
};
/** `place`: `address:port`. */
type KnownBackend = { readonly place: string; readonly id: number; readonly draining: boolean };

/**
 * Under which clients' backends are remembered. Who may have backends of this node only must not be given another
 * because he had it through a frontend without that rule. 0: no such frontends.
 */
type AffinityNumbers = { readonly everywhere: number; readonly local: number };

/** One port of a service in the kernel. Backends are its own: what leaves it must not be found by its clients again. */
export type PortState = {
  readonly name: string;
  readonly numbers: AffinityNumbers;
  readonly backends: readonly KnownBackend[];
  readonly sets: readonly BackendSet[];
};

/** `text`: of the key. */
export type FrontendRow = { readonly text: string; readonly key: ServiceKey; readonly value: ServiceValue };

/** One service in the kernel. Lists, since there are tens of thousands of services and few of these each. */
export type ServiceState = {
  readonly ports: readonly PortState[];
  readonly frontends: readonly FrontendRow[];
};

/** What brings one service from what is in the kernel to what is desired, in the order of the fields. */
export type ServicePlan = {
  readonly service: NamespacedName;
  readonly backends: (readonly [number, BackendValue])[];
  readonly slots: (readonly [ServiceSlotKey, ServiceSlot])[];
  readonly frontends: (readonly [ServiceKey, ServiceValue])[];
  /** Written once nothing points at them any more. */
  readonly draining: (readonly [number, BackendValue])[];
  /** Frontends that the service does not have any more, by text. */
  readonly removed: readonly FrontendRow[];
  readonly retiredSets: readonly BackendSet[];
  readonly retiredBackends: readonly number[];
  readonly after: ServiceState;
  /** Those that come into the maps; the others are written over. */
  readonly rows: ServiceRows;
};

export type PlanContext = {
  readonly numbers: FreshNumbers;
  readonly left: ServiceLeftovers | undefined;
  /** By text of a frontend: some service has it in the maps. */
  readonly isThere: (text: string) => boolean;
  /** Of the Maglev tables for clients from outside; undefined: everybody gets a backend at random. */
  readonly maglevSize: MaglevSize | undefined;
};

export const NO_SERVICE: ServiceState = { ports: [], frontends: [] };
export const NO_BACKENDS: BackendSet = { revision: 0, ids: [], slots: 0, hashed: false };

export function frontendText({ addr, port, protocol, scope }: ServiceKey): string {
  return flatText(scope, ' ', addr, ' ', port, ' ', protocol);
}

/** Pure but for the numbers that it takes. */
export function planService(
  service: NamespacedName,
  desired: readonly Frontend[],
  before: ServiceState = NO_SERVICE,
  context: PlanContext,
): ServicePlan {
  const ports: PortState[] = [];
  const frontends: FrontendRow[] = [];
  const plan: Writes = { backends: [], slots: [], frontends: [], draining: [], fresh: { services: 0, backends: 0 } };
  const rowsBefore = new Map(before.frontends.map((row) => [row.text, row]));
  for (const [name, group] of byPort(desired)) {
    const known = before.ports.find((port) => port.name === name);
    const state = planPort({ service, name, group, before: known }, plan, context);
    ports.push(state.port);
    for (const row of state.rows) {
      frontends.push(row);
      const old = rowsBefore.get(row.text) ?? context.left?.frontends.get(row.text);
      if (old === undefined || !sameRow(row.value, old.value)) plan.frontends.push([row.key, row.value]);
      if (old === undefined && !context.isThere(row.text)) plan.fresh.services += 1;
    }
  }
  const texts = new Set(frontends.map(({ text }) => text));
  const revisions = new Set(ports.flatMap(({ sets }) => sets.map(({ revision }) => revision)));
  const ids = new Set(ports.flatMap(({ backends }) => backends.map(idOf)));
  return {
    service,
    backends: plan.backends,
    slots: plan.slots,
    frontends: plan.frontends,
    draining: plan.draining,
    rows: { ...plan.fresh, slots: plan.slots.length },
    removed: before.frontends.filter(({ text }) => !texts.has(text)),
    retiredSets: before.ports.flatMap(({ sets }) =>
      sets.filter(({ revision }) => revision !== 0 && !revisions.has(revision)),
    ),
    retiredBackends: before.ports.flatMap(({ backends }) => backends.map(idOf).filter((id) => !ids.has(id))),
    // Copies are as long as they must be: a list that grew has room for sixteen more.
    after: { ports: ports.slice(), frontends: frontends.slice() },
  };
}

const placeOf = ({ addr, port }: Backend): string => flatText(addr, ':', port);

const idOf = ({ id }: KnownBackend): number => id;

function byPort(desired: readonly Frontend[]): Map<string, Frontend[]> {
  const groups = new Map<string, Frontend[]>();
  for (const frontend of desired) {
    const port = `${frontend.portName} ${frontend.protocol}`;
    const group = groups.get(port);
    if (group === undefined) groups.set(port, [frontend]);
    else group.push(frontend);
  }
  return groups;
}

/** Cluster addresses are for the inside only: whoever routes them here from outside has no business with them. */
function scopesOf(frontend: Frontend): readonly ServiceScope[] {
  return isForOutside(frontend) ? ['inside', 'outside'] : ['inside'];
}

function keyOf({ addr, port, protocol }: Frontend, scope: ServiceScope): ServiceKey {
  return { addr, port, protocol: PROTOCOL_NUMBERS[protocol], scope };
}

type Writes = Pick<ServicePlan, 'backends' | 'slots' | 'frontends' | 'draining'> & {
  readonly fresh: { services: number; backends: number };
};

type PortChange = {
  readonly service: NamespacedName;
  readonly name: string;
  readonly group: readonly Frontend[];
  readonly before: PortState | undefined;
};

function planPort(
  { service, name, group, before }: PortChange,
  writes: Writes,
  { numbers, left, maglevSize }: PlanContext,
): { port: PortState; rows: FrontendRow[] } {
  const knownBackends = new Map(before?.backends.map((known) => [known.place, known]));
  const places = group.flatMap((frontend) =>
    scopesOf(frontend).map((scope) => {
      const key = keyOf(frontend, scope);
      const isLocal = scope === 'inside' ? frontend.internalLocal : frontend.externalLocal;
      return { frontend, key, text: frontendText(key), wanted: wantedBy(frontend, scope), isLocal };
    }),
  );
  const numberFor = (kind: keyof AffinityNumbers): number => {
    const texts = places.flatMap(({ text, isLocal }) => (isLocal === (kind === 'local') ? [text] : []));
    if (texts.length === 0) return 0;
    return before?.numbers[kind] || (left?.numberOf(`${service} ${name} ${kind}`, texts) ?? numbers.fresh());
  };
  const mine: AffinityNumbers = { everywhere: numberFor('everywhere'), local: numberFor('local') };

  const backends = new Map<string, KnownBackend>();
  const adopt = ({ protocol }: Backend, place: string): number | undefined =>
    left?.backendOf(mine.everywhere, place) ??
    left?.backendOf(mine.local, place) ??
    left?.takeLoose(place, PROTOCOL_NUMBERS[protocol]);
  const idFor = (backend: Backend): number => {
    const place = placeOf(backend);
    const done = backends.get(place);
    if (done !== undefined) return done.id;
    const known = knownBackends.get(place);
    const id = known?.id ?? adopt(backend, place);
    const isWritten = known === undefined ? id !== undefined && left?.backends.get(id)?.flags === 0 : !known.draining;
    const found = { place, id: id ?? numbers.fresh(), draining: false };
    if (!isWritten) writes.backends.push([found.id, backendValue(backend, 0)]);
    if (id === undefined) writes.fresh.backends += 1;
    backends.set(place, found);
    return found.id;
  };

  const sets: BackendSet[] = [];
  const setFor = (wanted: readonly Backend[], scope: ServiceScope): BackendSet => {
    // Sockets choose at random: only packets of one client must find one backend on every node.
    const size = scope === 'outside' && wanted.length > 1 ? maglevSize : undefined;
    const ids = wanted.map(idFor);
    const isSame = sameSet(ids, size !== undefined);
    const known = sets.find(isSame) ?? before?.sets.find(isSame);
    const set = known ?? (ids.length === 0 ? NO_BACKENDS : newSet(ids, slotsOf(wanted, ids, size), size !== undefined));
    if (!sets.includes(set)) sets.push(set);
    return set;
  };
  const newSet = (ids: readonly number[], slots: readonly number[], hashed: boolean): BackendSet => {
    const adopted = left?.setOf(mine.everywhere, slots) ?? left?.setOf(mine.local, slots);
    const revision = adopted ?? numbers.fresh();
    const set = { revision, ids, slots: slots.length, hashed };
    if (adopted !== undefined) return set;
    for (const [slot, backend] of slots.entries()) writes.slots.push([{ revision, slot }, { backend }]);
    return set;
  };

  const rows = places.map(({ frontend, key, text, wanted, isLocal }): FrontendRow => {
    const { revision, slots, hashed } = setFor(wanted, key.scope);
    const { affinitySeconds } = frontend;
    const flags = hashed ? SERVICE_FLAG.hashed : 0;
    const number = isLocal ? mine.local : mine.everywhere;
    return { text, key, value: { revision, count: slots, service: number, affinitySeconds, flags } };
  });
  for (const backend of group.flatMap(({ draining }, i) => (draining === group[i - 1]?.draining ? [] : draining))) {
    const place = placeOf(backend);
    if (backends.has(place)) continue;
    const known = knownBackends.get(place);
    // Only who was sent connections has any to finish.
    const id = known?.id ?? adopt(backend, place);
    if (id === undefined) continue;
    backends.set(place, { place, id, draining: true });
    const isMarked = known?.draining ?? left?.backends.get(id)?.flags === BACKEND_FLAG.draining;
    if (!isMarked) writes.draining.push([id, backendValue(backend, BACKEND_FLAG.draining)]);
  }
  return { port: { name, numbers: mine, backends: Array.from(backends.values()).slice(), sets: sets.slice() }, rows };
}

function wantedBy({ backends, externalBackends }: Frontend, scope: ServiceScope): readonly Backend[] {
  return scope === 'inside' ? backends : externalBackends;
}

function backendValue({ addr, port, protocol }: Backend, flags: number): BackendValue {
  return { addr, port, protocol: PROTOCOL_NUMBERS[protocol], flags };
}

function slotsOf(
  backends: readonly Backend[],
  ids: readonly number[],
  size: MaglevSize | undefined,
): readonly number[] {
  if (size === undefined) return ids;
  const names = backends.map(({ addr, port }) => `${addr}:${port}`);
  return Array.from(maglevTable(names, size), (index) => ids[index] ?? 0);
}

function sameSet(ids: readonly number[], hashed: boolean) {
  return (set: BackendSet): boolean =>
    set.ids.length === ids.length &&
    (set.hashed === hashed || ids.length === 0) &&
    set.ids.every((id, i) => id === ids[i]);
}

/** Every number by which the datapath knows something of it. */
export function* numbersOf({ ports }: ServiceState): Generator<number> {
  for (const { numbers, backends, sets } of ports) {
    yield* [numbers.everywhere, numbers.local];
    for (const { id } of backends) yield id;
    for (const { revision } of sets) yield revision;
  }
}

export function slotKeys(revision: number, slots: number): ServiceSlotKey[] {
  return Array.from({ length: slots }, (_, slot) => ({ revision, slot }));
}
