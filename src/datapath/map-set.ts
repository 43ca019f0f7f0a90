import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isBpffs } from './bpffs.ts';
import { hasErrno } from './errno.ts';
import { datapathErrors } from './errors.ts';
import type { MapFd } from './fd.ts';
import { LAYOUT_VERSION, MAP_SPECS, type MapName } from './gen/layout.ts';
import { kernelError } from './kernel-error.ts';
import { MAP_TYPES, type MapSpec } from './map-spec.ts';
import { mapCreate, mapInfo, objectGet, objectPin } from './syscall.ts';

export type MapSizes = Partial<Readonly<Record<MapName, number>>>;

export type MapSetOptions = {
  /** The node's directory on a bpffs; maps live in its `maps/`. Undefined: not pinned, gone with the process. */
  readonly pinDir: string | undefined;
  /** Entries by map (bytes for the ring buffer), instead of the default in bpf/lib/maps.h. */
  readonly sizes?: MapSizes;
};

/** The maps of one node, created or opened when first asked for and then shared by everything that is loaded. */
export class MapSet implements Disposable {
  readonly #pinDir: string | undefined;
  readonly #sizes: MapSizes;
  readonly #open = new Map<MapName, MapFd>();

  constructor(options: MapSetOptions) {
    this.#pinDir = options.pinDir === undefined ? undefined : join(options.pinDir, 'maps');
    this.#sizes = options.sizes ?? {};
  }

  spec(name: MapName): MapSpec {
    const spec: MapSpec = MAP_SPECS[name];
    return { ...spec, maxEntries: this.#sizes[name] ?? spec.maxEntries };
  }

  /** Owned by the set. Throws E_DATAPATH_MAP_MISMATCH when another program pinned a map of another shape there. */
  get(name: MapName): MapFd {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const map = this.#pinDir === undefined ? createMap(this.spec(name)) : this.#openPinned(name, this.#pinDir);
    this.#open.set(name, map);
    return map;
  }

  #openPinned(name: MapName, directory: string): MapFd {
    const path = join(directory, `${name}_v${LAYOUT_VERSION}`);
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

/** Unpins the maps of other layout versions, once no program uses them any more. */
export function removeOldMaps(pinDir: string): void {
  const directory = join(pinDir, 'maps');
  for (const name of readdirSync(directory)) {
    if (!name.endsWith(`_v${LAYOUT_VERSION}`)) rmSync(join(directory, name), { force: true });
  }
}

function createMap(spec: MapSpec): MapFd {
  try {
    return mapCreate(spec);
  } catch (error) {
    throw kernelError('E_DATAPATH_MAP', `create ${spec.name} with ${spec.maxEntries} entries`, error);
  }
}

function checkShape(map: MapFd, spec: MapSpec, path: string): MapFd {
  const info = mapInfo(map);
  const shape = (m: { keySize: number; valueSize: number; maxEntries: number }, type: number, flags: number): string =>
    `type ${type}, key ${m.keySize}, value ${m.valueSize}, ${m.maxEntries} entries, flags ${flags}`;
  const found = shape(info, info.typeNumber, info.flags);
  const expected = shape(spec, MAP_TYPES[spec.type], spec.flags);
  if (found === expected) return map;
  map.close();
  throw datapathErrors.make('E_DATAPATH_MAP_MISMATCH', { detail: `${path} has ${found}, expected ${expected}` });
}
