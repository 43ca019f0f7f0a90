import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { JUDGE, type Judge } from '../../model/gen/enums.ts';
import { type Ifindex, ifindex } from '../../model/index.ts';
import {
  cgroupLinkInfo,
  hasErrno,
  heldObjects,
  type LinkFd,
  linkInfo,
  MAP_TYPES,
  mapById,
  mapInfo,
  mapLookup,
  memlockBytes,
  objectGet,
  progById,
  progInfo,
  TCX_INGRESS,
} from '../kernel/index.ts';
import type { MapSet } from '../maps/index.ts';
import { HOOKS } from './cgroup-attach.ts';

/** Where a program is run from. `ifindex` 0: the device is gone. */
export type Hook =
  | { readonly kind: 'tcx'; readonly direction: 'ingress' | 'egress'; readonly ifindex: Ifindex }
  | { readonly kind: 'xdp'; readonly ifindex: Ifindex }
  | { readonly kind: 'cgroup'; readonly hook: string }
  | { readonly kind: 'tail-call'; readonly judge: Judge };

/** A loaded program, in the kernel's own numbers. */
export type LoadedProgram = {
  readonly id: number;
  readonly name: string;
  readonly xlatedBytes: number;
  readonly jitedBytes: number;
  readonly memlockBytes: number;
  readonly mapIds: readonly number[];
  /** None: the agent holds it, to run it itself or for a device to come. */
  readonly hooks: readonly Hook[];
};

export type LoadedMap = {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly maxEntries: number;
  readonly memlockBytes: number;
};

export type KernelInventory = { readonly programs: readonly LoadedProgram[]; readonly maps: readonly LoadedMap[] };

/** enum bpf_link_type */
const LINK = { cgroup: 3, xdp: 6, tcx: 11 } as const;
const CGROUP_HOOKS = new Map(Object.entries(HOOKS).map(([name, type]): [number, string] => [type, name]));
const TYPE_NAMES = new Map(Object.entries(MAP_TYPES).map(([name, type]): [number, string] => [type, name]));

/**
 * What of this node is in the kernel, each object once: what links pinned below the node's directory run, the judges,
 * what this process holds, and every map that any of these uses. Throws E_DATAPATH_PIN and ErrnoError.
 */
export function kernelInventory(maps: MapSet, pinDir: string): KernelInventory {
  const held = heldObjects();
  const hooks = new Map<number, Hook[]>([...held.programs].map((id) => [id, []]));
  for (const [id, hook] of [...pinnedHooks(pinDir), ...judges(maps)]) {
    const known = hooks.get(id);
    if (known === undefined) hooks.set(id, [hook]);
    else known.push(hook);
  }
  const programs = Array.from(hooks, ([id, at]) => loadedProgram(id, at))
    .filter((program) => program !== undefined)
    .toSorted((a, b) => a.id - b.id);
  const mapIds = new Set([...held.maps, ...programs.flatMap((program) => program.mapIds)]);
  return {
    programs,
    maps: [...mapIds]
      .toSorted((a, b) => a - b)
      .map((id) => loadedMap(id, maps))
      .filter((map) => map !== undefined),
  };
}

function* pinnedHooks(pinDir: string): Generator<[number, Hook]> {
  const links = join(pinDir, 'links');
  if (!existsSync(links)) return;
  for (const entry of readdirSync(links, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) continue;
    using link = objectGet('link', join(entry.parentPath, entry.name));
    if (link !== undefined) yield hookOf(link);
  }
}

function hookOf(link: LinkFd): [number, Hook] {
  const info = linkInfo(link);
  if (info.type === LINK.cgroup) {
    const { attachType } = cgroupLinkInfo(link);
    return [info.programId, { kind: 'cgroup', hook: CGROUP_HOOKS.get(attachType) ?? String(attachType) }];
  }
  const device = ifindex(info.ifindex);
  if (info.type === LINK.xdp) return [info.programId, { kind: 'xdp', ifindex: device }];
  const direction = info.attachType === TCX_INGRESS ? 'ingress' : 'egress';
  return [info.programId, { kind: 'tcx', direction, ifindex: device }];
}

function judges(maps: MapSet): [number, Hook][] {
  const value = new Uint8Array(new ArrayBuffer(4));
  return (Object.keys(JUDGE) as Judge[]).flatMap((judge): [number, Hook][] => {
    if (!mapLookup(maps.get('judges'), new Uint8Array(Uint32Array.of(JUDGE[judge]).buffer), value)) return [];
    return [[new DataView(value.buffer).getUint32(0, true), { kind: 'tail-call', judge }]];
  });
}

function loadedProgram(id: number, hooks: readonly Hook[]): LoadedProgram | undefined {
  return unlessGone(() => {
    using program = progById(id);
    const { name, xlatedInstructions, jitedBytes, mapIds } = progInfo(program);
    const memlock = memlockBytes(program);
    return { id, name, xlatedBytes: xlatedInstructions * 8, jitedBytes, memlockBytes: memlock, mapIds, hooks };
  });
}

function loadedMap(id: number, maps: MapSet): LoadedMap | undefined {
  return unlessGone(() => {
    using map = mapById(id);
    const info = mapInfo(map);
    return {
      id,
      // The kernel keeps 15 characters of it.
      name: maps.describe(id).name,
      type: TYPE_NAMES.get(info.typeNumber) ?? String(info.typeNumber),
      keyBytes: info.keySize,
      valueBytes: info.valueSize,
      maxEntries: info.maxEntries,
      memlockBytes: memlockBytes(map),
    };
  });
}

/** Undefined: it went while we looked. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
