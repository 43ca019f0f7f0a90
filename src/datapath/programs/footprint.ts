import type { ProgFd } from '../kernel/index.ts';
import { mapById, mapInfo, progInfo } from '../kernel/index.ts';

/** What a loaded program costs. */
export type ProgramFootprint = {
  readonly name: string;
  /** After the verifier removed what the configuration does not use. */
  readonly instructions: number;
  /** Machine code. */
  readonly bytes: number;
  /** Steps that the verifier took: its budget is 1,000,000. */
  readonly verified: number;
  readonly maps: readonly string[];
};

export type MapFootprint = {
  readonly name: string;
  readonly maxEntries: number;
  /** Keys and values when full, without the kernel's overhead. */
  readonly bytes: number;
};

export type Footprint = { readonly programs: readonly ProgramFootprint[]; readonly maps: readonly MapFootprint[] };

export function programFootprint(program: ProgFd): ProgramFootprint {
  const info = progInfo(program);
  return {
    name: info.name,
    instructions: info.xlatedInstructions,
    bytes: info.jitedBytes,
    verified: info.verifiedInstructions,
    maps: info.mapIds.map((id) => mapFootprint(id).name).toSorted(),
  };
}

/** By kernel id. */
export function mapFootprint(id: number): MapFootprint {
  using map = mapById(id);
  const info = mapInfo(map);
  return { name: info.name, maxEntries: info.maxEntries, bytes: info.maxEntries * (info.keySize + info.valueSize) };
}

/** Programs and all maps that any of them uses. */
export function footprint(programs: readonly ProgFd[]): Footprint {
  const ids = new Set(programs.flatMap((program) => progInfo(program).mapIds));
  return {
    programs: programs.map(programFootprint),
    maps: [...ids].map(mapFootprint).toSorted((a, b) => a.name.localeCompare(b.name)),
  };
}
