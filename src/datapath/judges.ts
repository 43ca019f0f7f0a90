import { JUDGE, type Judge } from '../model/gen/enums.ts';
import type { Config } from './gen/config.ts';
import { loadPrograms } from './loader.ts';
import type { MapSet } from './map-set.ts';
import type { ObjectSpec } from './object-spec.ts';
import { mapUpdate } from './syscall.ts';

/**
 * Loads the programs that all endpoints share and puts them into the map `judges`, in place of those that are there: one
 * atomic store each, so that this is also how they are upgraded. Without them every packet that conntrack does not let
 * pass is dropped. They stay while the map is pinned or open. `spec`: judge.bpf.o. Errors as loadPrograms.
 */
export function installJudges(options: {
  readonly spec: ObjectSpec;
  readonly maps: MapSet;
  readonly config: Config;
}): void {
  const programs = loadPrograms({ ...options, programs: ['judge_from_pod', 'judge_to_pod'] as const });
  const slots: Record<Judge, keyof typeof programs> = { 'from-pod': 'judge_from_pod', 'to-pod': 'judge_to_pod' };
  const map = options.maps.get('judges');
  for (const [judge, name] of Object.entries(slots) as [Judge, keyof typeof programs][]) {
    const program = programs[name];
    mapUpdate(map, u32(JUDGE[judge]), u32(program.number));
    program.close();
  }
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
