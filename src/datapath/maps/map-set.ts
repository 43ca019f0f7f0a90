import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { datapathErrors } from '../errors.ts';
import { MAP_LAYOUTS, MAP_SPECS, type MapName } from '../gen/layout.ts';
import type { MapFd } from '../kernel/index.ts';
import {
  folderStamp,
  hasErrno,
  isBpffs,
  kernelError,
  MAP_TYPES,
  type MapSpec,
  mapById,
  mapCreate,
  mapInfo,
  objectGet,
  objectPin,
} from '../kernel/index.ts';
import type { Found } from './map-plan.ts';

export type MapSizes = Partial<Readonly<Record<MapName, number>>>;

export type MapSetOptions = {
  /** The node's directory on a bpffs; maps live in its `maps/`. Undefined: not pinned, gone with the process. */
  readonly pinDir: string | undefined;
  /** Entries by map (bytes for the ring buffer), instead of the default in bpf/lib/maps.h. */
  readonly sizes?: MapSizes;
};

/** The kernel keeps 15 characters of a map's name. */
const SHORT_NAMES = new Map((Object.keys(MAP_SPECS) as MapName[]).map((name) => [name.slice(0, 15), name]));

/** The maps of one node, created or opened when first asked for and then shared by everything that is loaded. */
export class MapSet implements Disposable {
  readonly #sizes: MapSizes;
  readonly #open = new Map<MapName, MapFd>();
  /** Kernel ids of maps: whether each is of this set, or the name of one of ours that is not. */
  readonly #known = new Map<number, { readonly isOurs: boolean; readonly name: string }>();
  #directory: string | undefined;
  /** Of the directory, when every map was last seen pinned in it. */
  #wellPinned: string | undefined;

  constructor(options: MapSetOptions) {
    this.#directory = options.pinDir === undefined ? undefined : join(options.pinDir, 'maps');
    this.#sizes = options.sizes ?? {};
  }

  spec(name: MapName): MapSpec {
    const spec: MapSpec = MAP_SPECS[name];
    return { ...spec, maxEntries: this.#sizes[name] ?? spec.maxEntries };
  }

  /** Owned by the set. Throws E_DATAPATH_MAP_MISMATCH when a map of another shape is pinned there. */
  get(name: MapName): MapFd {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const map = this.#directory === undefined ? createMap(this.spec(name)) : this.#openPinned(name, this.#directory);
    this.#add(name, map);
    return map;
  }

  /** Takes maps over that somebody else opened or made. */
  adopt(maps: ReadonlyMap<MapName, MapFd>): void {
    for (const [name, map] of maps) this.#add(name, map);
  }

  /** The pins are in this directory now. */
  moved(directory: string): void {
    this.#directory = directory;
    this.#wellPinned = undefined;
  }

  #add(name: MapName, map: MapFd): void {
    this.#open.set(name, map);
    this.#wellPinned = undefined;
    this.#known.set(mapInfo(map).id, { isOurs: true, name });
  }

  /** Which of these maps of a program bear a name of ours and are others: it judges by what nobody keeps any more. */
  strangers(mapIds: readonly number[]): string[] {
    return mapIds.flatMap((id) => {
      const { isOurs, name } = this.describe(id);
      return isOurs || !SHORT_NAMES.has(name) ? [] : [name];
    });
  }

  /** A map by its kernel id; the name is empty when it went in the meantime. */
  describe(id: number): { readonly isOurs: boolean; readonly name: string } {
    const known = this.#known.get(id);
    if (known?.isOurs === true) return known;
    try {
      using map = mapById(id);
      return { isOurs: false, name: mapInfo(map).name };
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return { isOurs: false, name: '' };
      throw error;
    }
  }

  /** Which maps are not pinned at their places. */
  unpinned(): MapName[] {
    const directory = this.#directory;
    if (directory === undefined) return [];
    // Taken first: what changes meanwhile makes another one.
    const stamp = folderStamp(directory);
    if (stamp !== undefined && stamp === this.#wellPinned) return [];
    const unpinned = [...this.#open].flatMap(([name, map]) => (isPinned(map, mapPin(directory, name)) ? [] : [name]));
    this.#wellPinned = unpinned.length === 0 ? stamp : undefined;
    return unpinned;
  }

  /** Pins again what is not pinned any more. Throws E_DATAPATH_PIN. */
  repin(): void {
    const directory = this.#directory;
    if (directory === undefined) return;
    for (const name of this.unpinned()) {
      const path = mapPin(directory, name);
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        rmSync(path, { force: true });
        objectPin(this.get(name), path);
      } catch (error) {
        throw kernelError('E_DATAPATH_PIN', path, error);
      }
    }
  }

  /** Unpins the maps that are not of this set: of other layouts, and of features that are off now. */
  removeOthers(): void {
    const directory = this.#directory;
    if (directory === undefined) return;
    const ours = new Set([...this.#open.keys()].map((name) => mapPin(directory, name)));
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      if (!ours.has(path)) rmSync(path, { recursive: true, force: true });
    }
  }

  #openPinned(name: MapName, directory: string): MapFd {
    const path = mapPin(directory, name);
    const spec = this.spec(name);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      if (!isBpffs(directory))
        throw datapathErrors.make('E_DATAPATH_PIN', { detail: `${directory} is not on a bpffs` });
      const pinned = objectGet('map', path);
      if (pinned !== undefined) return checkShape(pinned, spec, path);
      const map = createMap(spec);
      try {
        objectPin(map, path);
      } catch (error) {
        map.close();
        // Somebody else was faster.
        const other = hasErrno(error, 'EEXIST') ? objectGet('map', path) : undefined;
        if (other === undefined) throw error;
        return checkShape(other, spec, path);
      }
      return map;
    } catch (error) {
      throw kernelError('E_DATAPATH_PIN', path, error);
    }
  }

  close(): void {
    for (const map of this.#open.values()) map.close();
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export function mapPin(directory: string, name: MapName): string {
  return join(directory, `${name}_${MAP_LAYOUTS[name]}`);
}

function isPinned(map: MapFd, path: string): boolean {
  try {
    using pinned = objectGet('map', path);
    return pinned !== undefined && mapInfo(pinned).id === mapInfo(map).id;
  } catch {
    return false;
  }
}

/** Throws E_DATAPATH_MAP. */
export function createMap(spec: MapSpec): MapFd {
  try {
    return mapCreate(spec);
  } catch (error) {
    throw kernelError('E_DATAPATH_MAP', `create ${spec.name} with ${spec.maxEntries} entries`, error);
  }
}

type Shape = { readonly keySize: number; readonly valueSize: number; readonly flags: number };

function layoutOf(shape: Shape, type: number): string {
  return `type ${type}, key ${shape.keySize}, value ${shape.valueSize}, flags ${shape.flags}`;
}

/** `absent`: a map, but of another layout. */
export function compareShape(map: MapFd, spec: MapSpec): Found {
  const info = mapInfo(map);
  if (layoutOf(info, info.typeNumber) !== layoutOf(spec, MAP_TYPES[spec.type])) return 'absent';
  return info.maxEntries === spec.maxEntries ? 'same' : 'resized';
}

function checkShape(map: MapFd, spec: MapSpec, path: string): MapFd {
  if (compareShape(map, spec) === 'same') return map;
  const info = mapInfo(map);
  map.close();
  const found = `${layoutOf(info, info.typeNumber)}, ${info.maxEntries} entries`;
  const expected = `${layoutOf(spec, MAP_TYPES[spec.type])}, ${spec.maxEntries} entries`;
  throw datapathErrors.make('E_DATAPATH_MAP_MISMATCH', { detail: `${path} has ${found}, expected ${expected}` });
}
