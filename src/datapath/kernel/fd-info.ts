import { readdirSync, readFileSync } from 'node:fs';
import type { OwnedFd } from './fd.ts';

/** Bytes that the kernel keeps for a program or map, as it says itself in fdinfo; bpftool calls it `bytes_memlock`. */
export function memlockBytes(fd: OwnedFd<'map' | 'prog'>): number {
  return fieldOf(readFileSync(`/proc/self/fdinfo/${fd.number}`, 'utf8'), 'memlock') ?? 0;
}

/** Kernel ids of what this process holds a descriptor of; of links, the program that they run. */
export function heldObjects(): { readonly programs: ReadonlySet<number>; readonly maps: ReadonlySet<number> } {
  const programs = new Set<number>();
  const maps = new Set<number>();
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    const text = fdinfo(fd);
    const program = fieldOf(text, 'prog_id');
    const map = fieldOf(text, 'map_id');
    if (program !== undefined) programs.add(program);
    if (map !== undefined) maps.add(map);
  }
  return { programs, maps };
}

/** Of a descriptor that may be closed meanwhile: that of the folder itself is. */
function fdinfo(fd: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function fieldOf(text: string, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}
