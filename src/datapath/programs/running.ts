import { type Config, encodeConfig } from '../gen/config.ts';
import type { ObjectSpec, ProgFd } from '../kernel/index.ts';
import { hasErrno, mapById, mapInfo, mapLookup, type ProgInfo, progById, progInfo } from '../kernel/index.ts';
import type { MapSet } from '../maps/index.ts';
import { loadPrograms } from './loader.ts';

/** What a program should be. */
export type Wanted = {
  readonly spec: ObjectSpec;
  /** Of the object's programs. */
  readonly program: string;
  readonly config: Config;
};

/**
 * Compares programs that run with what they should be: the instructions by their tag, the constants byte by byte, and
 * the maps by their kernel ids. Nothing that is recorded elsewhere is believed.
 */
export class RunningPrograms {
  readonly #maps: MapSet;
  /** What is the same in every program of the node; decides which maps an object needs. */
  readonly #base: Config;
  /** Tags by object and program. */
  readonly #tags = new Map<string, Map<string, string>>();
  /** Programs that were compared and are right: kernel id, object, name. */
  readonly #right = new WeakMap<Config, Set<string>>();

  constructor(options: { readonly maps: MapSet; readonly base: Config }) {
    this.#maps = options.maps;
    this.#base = options.base;
  }

  /**
   * Loads all of an object once, to know what its programs look like in this kernel; that the kernel takes them is known
   * by then, too. Throws what loadPrograms throws.
   */
  learn(spec: ObjectSpec, names = spec.programs.map(({ name }) => name)): ReadonlyMap<string, string> {
    const known = this.#tags.get(spec.path);
    if (known !== undefined) return known;
    const programs = loadPrograms({ spec, maps: this.#maps, config: this.#base, programs: names });
    const tags = new Map<string, string>();
    for (const [name, program] of Object.entries<ProgFd>(programs)) {
      tags.set(name, progInfo(program).tag);
      program.close();
    }
    this.#tags.set(spec.path, tags);
    return tags;
  }

  /**
   * How a program differs from what it should be; undefined: it does not. Nothing of a loaded program changes, its
   * constants are frozen, and the kernel gives its id to no other: one that was right for this very `config` is.
   */
  difference(programId: number, wanted: Wanted): string | undefined {
    const name = `${programId} ${wanted.spec.path} ${wanted.program}`;
    const right = this.#right.get(wanted.config) ?? new Set<string>();
    if (right.has(name)) return undefined;
    const difference = this.#compare(programId, wanted);
    if (difference === undefined) this.#right.set(wanted.config, right.add(name));
    return difference;
  }

  #compare(programId: number, { spec, program, config }: Wanted): string | undefined {
    const info = infoOf(programId);
    if (info === undefined) return 'it is gone';
    if (info.tag !== this.learn(spec).get(program)) return `another build of ${program} runs there`;
    const [stranger] = this.#maps.strangers(info.mapIds);
    if (stranger !== undefined) return `it uses another map ${stranger} than the one that is kept`;
    if (spec.configOffset === undefined) return undefined;
    const constants = info.mapIds.flatMap((id) => (this.#maps.describe(id).name.endsWith('.rodata') ? [id] : []))[0];
    // A program whose every use of a constant was dead code has none.
    const running = constants === undefined ? undefined : readConstants(constants, spec.configOffset);
    if (
      running === undefined ||
      Buffer.compare(running.subarray(0, encodeConfig(config).length), encodeConfig(config)) === 0
    )
      return undefined;
    return 'it was loaded with other constants';
  }
}

function infoOf(id: number): ProgInfo | undefined {
  try {
    using program = progById(id);
    return progInfo(program);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The only value of a section's map, from an offset on. */
function readConstants(id: number, offset: number): Uint8Array | undefined {
  try {
    using map = mapById(id);
    const value = new Uint8Array(new ArrayBuffer(mapInfo(map).valueSize));
    return mapLookup(map, new Uint8Array(4), value) ? value.subarray(offset) : undefined;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
