import { JUDGE, type Judge } from '../../model/gen/enums.ts';
import type { Config } from '../gen/config.ts';
import type { ObjectSpec, ProgFd } from '../kernel/index.ts';
import { mapDelete, mapLookup, mapUpdate } from '../kernel/index.ts';
import type { MapSet } from '../maps/index.ts';
import type { RunningPrograms } from './running.ts';

const SLOTS = {
  'from-pod': 'judge_from_pod',
  'to-pod': 'judge_to_pod',
  dropped: 'dropped',
} as const satisfies Record<Judge, string>;

/** Of judge.bpf.o. */
export const JUDGE_PROGRAMS = Object.values(SLOTS);
type Judges = Readonly<Record<(typeof JUDGE_PROGRAMS)[number], ProgFd>>;

/**
 * Puts the programs that all endpoints share into the map `judges`, in place of those that are there, and closes them: one
 * atomic store each, so that this is also how they are upgraded. Without them every packet that conntrack does not let
 * pass is dropped. They stay while the map is pinned or open.
 */
export function installJudges(maps: MapSet, programs: Judges): void {
  putJudges(maps, programs);
  for (const program of Object.values<ProgFd>(programs)) program.close();
}

/** Puts them into the map, which holds them from then on. */
export function putJudges(maps: MapSet, programs: Judges): void {
  const map = maps.get('judges');
  for (const [judge, name] of Object.entries(SLOTS) as [Judge, keyof typeof programs][]) {
    const program = programs[name];
    mapUpdate(map, u32(JUDGE[judge]), u32(program.number));
  }
}

/** Takes the judges out: every packet that conntrack does not let pass is dropped. */
export function removeJudges(maps: MapSet): void {
  for (const judge of Object.keys(SLOTS) as Judge[]) mapDelete(maps.get('judges'), u32(JUDGE[judge]));
}

/** How what is in the map `judges` differs from what should be; undefined: it does not. */
export function judgesDifference(
  running: RunningPrograms,
  { spec, maps, config }: { readonly spec: ObjectSpec; readonly maps: MapSet; readonly config: Config },
): string | undefined {
  const value = u32(0);
  for (const [judge, program] of Object.entries(SLOTS) as [Judge, string][]) {
    if (!mapLookup(maps.get('judges'), u32(JUDGE[judge]), value)) return `${judge} is empty`;
    // The kernel answers with the program's id.
    const difference = running.difference(new DataView(value.buffer).getUint32(0, true), { spec, program, config });
    if (difference !== undefined) return `${judge}: ${difference}`;
  }
  return undefined;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
