import { closeSync, openSync } from 'node:fs';
import type { EndpointId, Ifindex } from '../../model/index.ts';
import type { MapFd } from '../kernel/index.ts';
import {
  cgroupAttached,
  hasErrno,
  mapById,
  mapDelete,
  mapInfo,
  mapUpdate,
  type ProgInfo,
  progById,
  progInfo,
} from '../kernel/index.ts';
import type { MapSet } from '../maps/index.ts';
import { dumpMap, GATES, type Gate } from '../maps/index.ts';
import type { TcxHook } from './attach.ts';
import { HOOKS } from './cgroup-attach.ts';
import { tcxPrograms } from './hook-programs.ts';

const CHUNK = 1024;

/**
 * Programs that could not go over to the maps that are kept judge by maps that nobody writes any more. What they judge by
 * is closed: no endpoint is open in their words, none of their services has a frontend. `only`: of this endpoint nothing
 * but its own word, since others may use the same maps until they have gone over. Programs of the maps that are kept are
 * passed over; so are programs and maps that are gone.
 */
export async function closeLeftBehind(
  maps: MapSet,
  programIds: readonly number[],
  { only }: { readonly only?: EndpointId } = {},
): Promise<void> {
  const found = new Map<number, Gate>();
  for (const id of programIds) {
    for (const mapId of mapsOf(id)) {
      const { isOurs, name } = maps.describe(mapId);
      const gate = GATES.find((one) => one === name);
      if (!isOurs && gate !== undefined) found.set(mapId, gate);
    }
  }
  for (const [id, gate] of found) {
    if (only !== undefined && gate !== 'endpoint_words') continue;
    using map = open(id);
    if (map === undefined) continue;
    if (only !== undefined) closeWord(map, only);
    else if (gate === 'endpoint_words') await closeWords(map);
    else await empty(map);
  }
}

/** Kernel ids of the programs at a device that bear a name of ours, whoever holds their links. None where there is no device. */
export function programsNamed(device: Ifindex, hooks: readonly TcxHook[], names: readonly string[]): number[] {
  return hooks.flatMap((hook) =>
    (tcxPrograms(device, hook) ?? []).flatMap(({ id, name }) => (names.includes(name) ? [id] : [])),
  );
}

/** The same of our programs that are attached at this very cgroup, whoever holds their links. */
export async function closeSocketsLeftBehind(maps: MapSet, cgroup: string): Promise<void> {
  const fd = openSync(cgroup, 'r');
  try {
    const ids = Object.entries(HOOKS).flatMap(([hook, type]) =>
      cgroupAttached(fd, type).filter((id) => programOf(id)?.name === hook),
    );
    await closeLeftBehind(maps, ids);
  } finally {
    closeSync(fd);
  }
}

function closeWord(map: MapFd, endpoint: EndpointId): void {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, endpoint, true);
  mapUpdate(map, key, new Uint8Array(mapInfo(map).valueSize));
}

async function closeWords(map: MapFd): Promise<void> {
  const { valueSize } = mapInfo(map);
  const closed = new Uint8Array(valueSize);
  for await (const { key, value } of elements(map)) if (value.some((byte) => byte !== 0)) mapUpdate(map, key, closed);
}

async function empty(map: MapFd): Promise<void> {
  const keys: Uint8Array[] = [];
  for await (const { key } of elements(map)) keys.push(key.slice());
  for (const key of keys) mapDelete(map, key);
}

async function* elements(map: MapFd): AsyncGenerator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
  const { keySize, valueSize } = mapInfo(map);
  const keys = new Uint8Array(new ArrayBuffer(keySize * CHUNK));
  const values = new Uint8Array(new ArrayBuffer(valueSize * CHUNK));
  for await (const count of dumpMap(map, keySize, { keys, values, count: CHUNK })) {
    for (let i = 0; i < count; i += 1) {
      yield {
        key: keys.subarray(i * keySize, (i + 1) * keySize),
        value: values.subarray(i * valueSize, (i + 1) * valueSize),
      };
    }
  }
}

function mapsOf(programId: number): readonly number[] {
  return programOf(programId)?.mapIds ?? [];
}

function programOf(id: number): ProgInfo | undefined {
  return gone(() => {
    using program = progById(id);
    return progInfo(program);
  });
}

function open(id: number): MapFd | undefined {
  return gone(() => mapById(id));
}

function gone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
