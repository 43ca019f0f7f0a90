import { enumMembers } from './emit-enums.ts';
import { isBits } from './form.ts';
import type { Layout } from './layout.ts';
import { GENERATED, upper } from './names.ts';

/** The layout hash, bounds and masks, and what maps are. */
export function emitLayout(layout: Layout): string {
  const bounds = layout.enums.flatMap((e) => {
    const count = [...e.values].find(([name]) => name.endsWith('_COUNT'));
    return count === undefined ? [] : [`export const ${upper(e.name)}_COUNT = ${count[1]};`];
  });
  const flags = layout.enums
    .filter(isBits)
    .map((e) => `export const ${upper(e.name)}_MASK = ${enumMembers(e).reduce((mask, m) => mask | m.value, 0)};`);
  return [
    GENERATED,
    "import type { MapSpec } from '../kernel/map-spec.ts';\n",
    '/** Of everything that C and TypeScript share; an object carries the one that it was compiled from. */',
    `export const LAYOUT_HASH = '${layout.hash}';\n`,
    ...bounds,
    ...flags,
    '',
    'export const MAP_SPECS = {',
    ...layout.maps.map(
      (m) =>
        `  ${m.name}: { name: '${m.name}', type: '${m.type}', keySize: ${m.keySize}, valueSize: ${m.valueSize}, maxEntries: ${m.maxEntries}, flags: ${m.flags} },`,
    ),
    '} as const satisfies Record<string, MapSpec>;\n',
    'export type MapName = keyof typeof MAP_SPECS;\n',
    '/** What the rows of a map mean, for the name of its pin: others are written by others. */',
    'export const MAP_LAYOUTS: Readonly<Record<MapName, string>> = {',
    ...layout.maps.map((m) => `  ${m.name}: '${layout.mapLayouts.get(m.name) ?? ''}',`),
    '};\n',
  ].join('\n');
}
