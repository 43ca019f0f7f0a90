import { expect, it } from 'vitest';
import { MAP_SPECS, type MapName } from '../gen/layout.ts';
import { mapKind } from './map-kinds.ts';
import { type Found, planMaps } from './map-plan.ts';

const NAMES = Object.keys(MAP_SPECS) as MapName[];

function plan(changed: Partial<Record<MapName, Found>>) {
  const made = planMaps(new Map(NAMES.map((name) => [name, changed[name] ?? 'same'])));
  const steps = Object.fromEntries(made?.steps.entries().filter(([, step]) => step !== 'share') ?? []);
  return made === undefined ? undefined : { ...made, steps };
}
const ofKind = (kind: string) =>
  Object.fromEntries(NAMES.filter((name) => mapKind(name) === kind).map((name) => [name, 'fresh']));

/** Programs that stay behind are closed by these. */
const gates = { endpoint_words: 'copy', services: 'copy' };

it('leaves alone what is as it should be', () => {
  expect(plan({})).toBeUndefined();
});

it('copies what only has another size, and gives the programs a place of their own', () => {
  expect(plan({ policy: 'resized', counters: 'resized' })).toEqual({
    steps: { policy: 'copy', counters: 'copy', ...gates, judges: 'fresh' },
    isRebuilt: false,
    losesConnections: false,
  });
});

it('writes all that the API says anew when any of it is lost, and keeps the connections', () => {
  expect(plan({ ipcache: 'absent' })).toEqual({
    steps: { ...ofKind('desired'), judges: 'fresh' },
    isRebuilt: true,
    losesConnections: false,
  });
});

it('does not believe half of what is known of connections', () => {
  expect(plan({ snat: 'absent', conntrack: 'resized' })).toEqual({
    steps: { ...ofKind('connections'), ...gates, judges: 'fresh' },
    isRebuilt: false,
    losesConnections: true,
  });
});

it('gives judges that are gone a new place', () => {
  expect(plan({ judges: 'absent' })?.steps).toEqual({ ...gates, judges: 'fresh' });
});
