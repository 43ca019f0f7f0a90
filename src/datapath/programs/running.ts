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
  /** By object and name: what was loaded to be learnt, and nobody has been given yet. */
  readonly #spare = new Map<string, Map<string, ProgFd>>();
  /** Programs that were compared and are right: kernel id, object, name. */
  readonly #right = new WeakMap<Config, Set<string>>();

  constructor(options: { readonly maps: MapSet; readonly base: Config }) {
    this.#maps = options.maps;
    this.#base = options.base;
  }

  /**
   * Loads all of an object once, to know what its programs look like in this kernel; that the kernel takes them is known
   * by then, too. They stay for `load` until `discard`. Throws what loadPrograms throws.
   */
  learn(spec: ObjectSpec): void {
    if (!this.#tags.has(spec.path)) this.#spare.set(spec.path, this.#learn(spec));
  }

  #learn(spec: ObjectSpec): Map<string, ProgFd> {
    const names = spec.programs.map(({ name }) => name);
    const loaded = loadPrograms({ spec, maps: this.#maps, config: this.#base, programs: names });
    const programs = new Map(Object.entries<ProgFd>(loaded));
    this.#tags.set(spec.path, new Map(Array.from(programs, ([name, program]) => [name, progInfo(program).tag])));
    return programs;
  }

  #tagOf({ spec, program }: Wanted): string | undefined {
    if (!this.#tags.has(spec.path)) closeAll(this.#learn(spec));
    return this.#tags.get(spec.path)?.get(program);
  }

  /**
   * Programs of an object with the constants of the node; their descriptors are the caller's. What `learn` loaded is given to
   * the first who asks, so that a start has nothing verified twice. Throws what loadPrograms throws.
   */
  load<Name extends string>(spec: ObjectSpec, names: readonly Name[]): Record<Name, ProgFd> {
    const spare = this.#spare.get(spec.path);
    const found = names.flatMap((name) => {
      const program = spare?.get(name);
      return program === undefined ? [] : [[name, program] as const];
    });
    if (found.length < names.length) {
      return loadPrograms({ spec, maps: this.#maps, config: this.#base, programs: names });
    }
    for (const name of names) spare?.delete(name);
    return Object.fromEntries(found) as Record<Name, ProgFd>;
  }

  /** Lets go of what was learnt and nobody asked for. */
  discard(): void {
    for (const spare of this.#spare.values()) closeAll(spare);
    this.#spare.clear();
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

  #compare(programId: number, wanted: Wanted): string | undefined {
    const { spec, program, config } = wanted;
    const info = infoOf(programId);
    if (info === undefined) return 'it is gone';
    if (info.tag !== this.#tagOf(wanted)) return `another build of ${program} runs there`;
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

function closeAll(programs: ReadonlyMap<string, ProgFd>): void {
  for (const program of programs.values()) program.close();
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
