import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { datapathErrors } from '../errors.ts';
import type { Config } from '../gen/config.ts';
import { MAP_SPECS, type MapName } from '../gen/layout.ts';
import type { MapFd } from '../kernel/index.ts';
import { isBpffs, kernelError, mapInfo, objectGet, objectPin } from '../kernel/index.ts';
import {
  compareShape,
  copyMap,
  copyMissing,
  createMap,
  type Found,
  GATES,
  MapSet,
  type MapSizes,
  mapIsNeeded,
  mapKind,
  mapPin,
  planMaps,
} from '../maps/index.ts';

/** Below the node's directory. What is in `maps` is in use; the others exist while maps are made anew. */
const CURRENT = 'maps';
/** Not complete: of no use to anybody after a crash. */
const BUILDING = 'maps_building';
/** Complete; programs go over to them one by one. After a crash they are the ones to go on with. */
const NEXT = 'maps_next';
const OLD = 'maps_old';

export type GenerationOptions = {
  /** The node's directory on a bpffs. */
  readonly pinDir: string;
  readonly sizes: MapSizes;
  readonly config: Config;
};

/**
 * The maps of a node and how they become others. Programs name maps for good, so maps of another size or layout are made
 * beside the old ones, and programs are replaced one by one: the old ones judge by the old maps until the last moment.
 */
export class Generation implements Disposable {
  readonly maps: MapSet;
  /** What the agent writes is to be written before programs go over: see `isComplete`. */
  readonly isRebuilt: boolean;
  readonly losesConnections: boolean;
  /** Sizes that could not be had, for people. */
  readonly problems: readonly string[];
  readonly #directory: string;
  /** Maps that were copied, and where from. */
  readonly #copied: ReadonlyMap<MapName, MapFd>;
  #place: typeof CURRENT | typeof BUILDING | typeof NEXT;

  private constructor(options: {
    readonly maps: MapSet;
    readonly directory: string;
    readonly place: typeof CURRENT | typeof BUILDING;
    readonly isRebuilt?: boolean;
    readonly losesConnections?: boolean;
    readonly problems?: readonly string[];
    readonly copied?: ReadonlyMap<MapName, MapFd>;
  }) {
    this.maps = options.maps;
    this.#directory = options.directory;
    this.#place = options.place;
    this.isRebuilt = options.isRebuilt ?? false;
    this.losesConnections = options.losesConnections ?? false;
    this.problems = options.problems ?? [];
    this.#copied = options.copied ?? new Map();
  }

  /** Opens what is pinned, or makes what it has to become. Throws E_DATAPATH_PIN, E_DATAPATH_MAP. */
  static async open(options: GenerationOptions): Promise<Generation> {
    const { pinDir: directory, config } = options;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      if (!isBpffs(directory))
        throw datapathErrors.make('E_DATAPATH_PIN', { detail: `${directory} is not on a bpffs` });
      recover(directory);
    } catch (error) {
      throw kernelError('E_DATAPATH_PIN', directory, error);
    }
    const current = join(directory, CURRENT);
    const names = (Object.keys(MAP_SPECS) as MapName[]).filter((name) => mapIsNeeded(name, config));
    const pinned = openPinned(current, names);
    const wanted = new MapSet({ pinDir: directory, sizes: options.sizes });
    const found = new Map(names.map((name) => [name, stateOf(pinned.get(name), wanted, name)]));
    const plan = planMaps(found);
    if (plan === undefined) {
      wanted.adopt(pinned);
      return new Generation({ maps: wanted, directory, place: CURRENT });
    }
    const made = new Map<MapName, MapFd>();
    const copied = new Map<MapName, MapFd>();
    const sizes: Partial<Record<MapName, number>> = { ...options.sizes };
    const problems: string[] = [];
    for (const [name, step] of plan.steps) {
      const old = pinned.get(name);
      if (step === 'share' && old !== undefined) {
        made.set(name, old);
        continue;
      }
      const spec = wanted.spec(name);
      const map = createMap(spec);
      // A ring holds what is about to be read, by the agent that is gone.
      if (step === 'copy' && old !== undefined && spec.type !== 'ringBuffer') {
        if (await copyMap(old, map, spec)) {
          copied.set(name, old);
        } else {
          map.close();
          const { maxEntries } = mapInfo(old);
          problems.push(
            `maps.${name} stays at ${maxEntries}: what it holds does not fit into ${spec.maxEntries}; it is tried again at the next start`,
          );
          sizes[name] = maxEntries;
          made.set(name, old);
          continue;
        }
      }
      made.set(name, map);
    }
    const own = new Set<MapName>(['judges', ...GATES.filter((gate) => found.get(gate) === 'same')]);
    const isSame = [...made].every(([name, map]) => map === pinned.get(name) || own.has(name));
    if (isSame && pinned.has('judges')) {
      for (const name of own) made.get(name)?.close();
      const maps = new MapSet({ pinDir: directory, sizes });
      maps.adopt(pinned);
      return new Generation({ maps, directory, place: CURRENT, problems });
    }
    const building = join(directory, BUILDING);
    mkdirSync(building, { mode: 0o700 });
    for (const [name, map] of made) objectPin(map, mapPin(building, name));
    const maps = new MapSet({ pinDir: directory, sizes });
    maps.moved(building);
    maps.adopt(made);
    for (const [name, map] of pinned) if (made.get(name) !== map && !copied.has(name)) map.close();
    const { isRebuilt, losesConnections } = plan;
    // Where no program runs there is nothing to go over.
    const isFirst = pinned.size === 0 && !existsSync(join(directory, 'links'));
    const generation = new Generation({
      maps,
      directory,
      place: BUILDING,
      isRebuilt: isRebuilt && !isFirst,
      losesConnections: losesConnections && !isFirst,
      problems,
      copied,
    });
    if (isFirst) generation.commit();
    return generation;
  }

  /** Every program runs, or may run, on these maps, and no others are left. */
  get isSettled(): boolean {
    return this.#place === CURRENT;
  }

  /** The maps hold all that they should: programs may use them. */
  get isComplete(): boolean {
    return this.#place !== BUILDING;
  }

  /** The maps are complete: from now on programs may go over to them, and a crash does not lose them. */
  begin(): void {
    if (this.#place !== BUILDING) return;
    renameSync(join(this.#directory, BUILDING), join(this.#directory, NEXT));
    this.#move(NEXT);
  }

  /** Brings over what programs wrote into the old maps since they were copied. Before programs go over, and after. */
  async catchUp(): Promise<void> {
    for (const [name, from] of this.#copied) {
      if (mapKind(name) === 'connections' && MAP_SPECS[name].type !== 'array') {
        await copyMissing(from, this.maps.get(name), this.maps.spec(name));
      }
    }
  }

  /** All programs have gone over: the old maps go. Removes pins of maps that no feature uses any more, too. */
  commit(): void {
    if (this.#place !== CURRENT) {
      this.begin();
      rmSync(join(this.#directory, OLD), { recursive: true, force: true });
      const current = join(this.#directory, CURRENT);
      if (existsSync(current)) renameSync(current, join(this.#directory, OLD));
      renameSync(join(this.#directory, NEXT), current);
      this.#move(CURRENT);
      rmSync(join(this.#directory, OLD), { recursive: true, force: true });
      for (const old of this.#copied.values()) old.close();
    }
    this.maps.removeOthers();
  }

  #move(place: typeof CURRENT | typeof NEXT): void {
    this.#place = place;
    this.maps.moved(join(this.#directory, place));
  }

  close(): void {
    for (const old of this.#copied.values()) old.close();
    this.maps.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Ends what a crash interrupted. */
function recover(directory: string): void {
  const at = (name: string): string => join(directory, name);
  rmSync(at(BUILDING), { recursive: true, force: true });
  if (existsSync(at(NEXT))) {
    // Programs have begun to go over; who has not is found by the maps that he uses.
    rmSync(at(CURRENT), { recursive: true, force: true });
    renameSync(at(NEXT), at(CURRENT));
  } else if (!existsSync(at(CURRENT)) && existsSync(at(OLD))) {
    renameSync(at(OLD), at(CURRENT));
  }
  rmSync(at(OLD), { recursive: true, force: true });
}

function openPinned(directory: string, names: readonly MapName[]): Map<MapName, MapFd> {
  const there = new Set(existsSync(directory) ? readdirSync(directory) : []);
  const found = new Map<MapName, MapFd>();
  for (const name of names) {
    const path = mapPin(directory, name);
    const map = there.has(path.slice(directory.length + 1)) ? openMap(path) : undefined;
    if (map !== undefined) found.set(name, map);
  }
  return found;
}

/** Undefined also for a pin that is no map. */
function openMap(path: string): MapFd | undefined {
  try {
    const map = objectGet('map', path);
    if (map !== undefined) mapInfo(map);
    return map;
  } catch {
    return undefined;
  }
}

function stateOf(map: MapFd | undefined, wanted: MapSet, name: MapName): Found {
  return map === undefined ? 'absent' : compareShape(map, wanted.spec(name));
}
