import type { ServiceSlot, ServiceSlotKey, ServiceValue } from '../../datapath/index.ts';
import { BACKEND_FLAG, SERVICE_FLAG } from '../../model/index.ts';
import { type MaglevSize, maglevTable } from '../../service/index.ts';
import type { ServiceLeftovers } from './service-leftovers.ts';
import {
  type BackendSet,
  type FrontendRow,
  NO_BACKENDS,
  type PortState,
  type ServicePlan,
  type ServiceState,
  slotKeys,
} from './service-plan.ts';

/**
 * What takes out of a service in the kernel whatever its refused plan does not want any more, in the order of the fields.
 * Rows are overwritten and deleted only: that needs no room.
 */
export type ServiceShrink = {
  readonly slots: readonly (readonly [ServiceSlotKey, ServiceSlot])[];
  readonly frontends: readonly FrontendRow[];
  readonly removed: readonly FrontendRow[];
  readonly goneSlots: readonly ServiceSlotKey[];
  readonly draining: ServicePlan['draining'];
  readonly retiredBackends: readonly number[];
  readonly after: ServiceState;
};

/** `before`: what is in the kernel. A backend that nobody was sent to before is not added, wherever it stands. */
export function planShrink(
  before: ServiceState,
  { after: wanted, draining }: ServicePlan,
  maglevSize: MaglevSize | undefined,
): ServiceShrink {
  const wantedSets = new Map(wanted.ports.flatMap(({ sets }) => sets.map((set) => [set.revision, set.ids])));
  const wantedIds = new Map(
    wanted.frontends.map(({ text, value }) => [text, new Set(wantedSets.get(value.revision) ?? [])]),
  );
  const stays = before.frontends.filter(({ text }) => wantedIds.has(text));
  const slots: [ServiceSlotKey, ServiceSlot][] = [];
  const goneSlots: ServiceSlotKey[] = [];
  const shrunk = new Map<number, BackendSet>();
  for (const set of before.ports.flatMap(({ sets }) => sets)) {
    const users = stays.filter(({ value }) => value.revision === set.revision);
    const ids = set.ids.filter((id) => users.every(({ text }) => wantedIds.get(text)?.has(id) === true));
    const next = users.length === 0 || ids.length === 0 ? NO_BACKENDS : { ...set, ids, ...sizeOf(set, ids) };
    shrunk.set(set.revision, ids.length === set.ids.length && users.length > 0 ? set : next);
    if (shrunk.get(set.revision) === set || set.revision === 0) continue;
    goneSlots.push(...slotKeys(set.revision, set.slots).slice(next.slots));
    for (const [slot, backend] of tableOf(next, before, maglevSize).entries()) {
      slots.push([{ revision: set.revision, slot }, { backend }]);
    }
  }
  const frontends = stays.map((row) => withSet(row, shrunk.get(row.value.revision) ?? NO_BACKENDS));
  const wantedBackends = new Map(wanted.ports.flatMap(({ backends }) => backends.map((one) => [one.id, one])));
  const rest = before.ports.map(
    (port): PortState => ({
      ...port,
      backends: port.backends.flatMap(({ id }) => wantedBackends.get(id) ?? []),
      sets: port.sets.map(({ revision }) => shrunk.get(revision) ?? NO_BACKENDS),
    }),
  );
  const ports = frontends.length === 0 ? [] : rest;
  const kept = new Set(ports.flatMap(({ backends }) => backends.map(({ id }) => id)));
  const known = new Set(before.ports.flatMap(({ backends }) => backends.map(({ id }) => id)));
  return {
    slots,
    frontends: frontends.filter((row, i) => row !== stays[i]),
    removed: before.frontends.filter(({ text }) => !wantedIds.has(text)),
    goneSlots,
    draining: draining.filter(([id]) => known.has(id)),
    retiredBackends: [...known].filter((id) => !kept.has(id)),
    after: { ports, frontends },
  };
}

/** What an earlier life wrote for the frontends of a plan, as if this one had. */
export function stateLeft(left: ServiceLeftovers, { after: wanted }: ServicePlan): ServiceState {
  const frontends: FrontendRow[] = [];
  const ports = wanted.ports.map((port): PortState => {
    const { everywhere, local } = port.numbers;
    const mine = wanted.frontends.filter(({ value }) => value.service === everywhere || value.service === local);
    const rows = mine.flatMap(({ text }) => {
      const found = left.frontends.get(text);
      return found === undefined ? [] : [{ text, ...found }];
    });
    frontends.push(...rows);
    const sets = new Map<number, BackendSet>();
    for (const { value } of rows) {
      const all = left.slots.get(value.revision) ?? [];
      const hashed = (value.flags & SERVICE_FLAG.hashed) !== 0;
      sets.set(value.revision, { revision: value.revision, ids: [...new Set(all)], slots: all.length, hashed });
    }
    const ids = new Set(Array.from(sets.values()).flatMap((set) => set.ids));
    const backends = Array.from(ids).flatMap((id) => {
      const found = left.backends.get(id);
      if (found === undefined) return [];
      return [{ place: `${found.addr}:${found.port}`, id, draining: (found.flags & BACKEND_FLAG.draining) !== 0 }];
    });
    return { name: port.name, numbers: port.numbers, backends, sets: Array.from(sets.values()) };
  });
  return { ports, frontends };
}

function sizeOf(set: BackendSet, ids: readonly number[]): Pick<BackendSet, 'slots'> {
  return { slots: set.hashed ? set.slots : ids.length };
}

/** The backend of each slot of a set that shrank. */
function tableOf(set: BackendSet, before: ServiceState, maglevSize: MaglevSize | undefined): readonly number[] {
  if (!set.hashed || set.ids.length === 0) return set.ids;
  const places = new Map(before.ports.flatMap(({ backends }) => backends.map(({ id, place }) => [id, place])));
  const names = set.ids.map((id) => places.get(id) ?? '');
  // A table of another size is an earlier life's, and replaced as soon as there is room.
  if (set.slots !== maglevSize) return Array.from({ length: set.slots }, (_, i) => set.ids[i % set.ids.length] ?? 0);
  return Array.from(maglevTable(names, maglevSize), (index) => set.ids[index] ?? 0);
}

function withSet(row: FrontendRow, { revision, slots, hashed }: BackendSet): FrontendRow {
  const { value } = row;
  const flags = hashed ? value.flags | SERVICE_FLAG.hashed : value.flags & ~SERVICE_FLAG.hashed;
  const next: ServiceValue = { ...value, revision, count: slots, flags };
  const isSame = value.revision === revision && value.count === slots && value.flags === flags;
  return isSame ? row : { ...row, value: next };
}
