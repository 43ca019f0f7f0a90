import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Ifindex } from '../../model/index.ts';
import {
  cgroupQuery,
  hasErrno,
  kernelError,
  linkInfo,
  objectGet,
  progById,
  progInfo,
  TCX_EGRESS,
  TCX_INGRESS,
  tcxQuery,
} from '../kernel/index.ts';
import type { TcxHook } from './attach.ts';
import { HOOKS } from './cgroup-attach.ts';

/** A loaded program as the kernel names it (15 characters); the name is empty when it went in the meantime. */
export type HookProgram = { readonly id: number; readonly name: string };

/** What runs at a device, in its order; undefined: there is no such device. Throws E_DATAPATH_ATTACH. */
export function tcxPrograms(ifindex: Ifindex, hook: TcxHook): HookProgram[] | undefined {
  try {
    return tcxQuery(ifindex, hook === 'ingress' ? TCX_INGRESS : TCX_EGRESS).map(programOf);
  } catch (error) {
    if (hasErrno(error, 'ENODEV')) return undefined;
    throw kernelError('E_DATAPATH_ATTACH', `query ${hook} of ifindex ${ifindex}`, error);
  }
}

/** What runs for sockets of a cgroup at each hook that ours use, in its order. Throws E_DATAPATH_ATTACH. */
export function socketPrograms(cgroup: string): Map<string, HookProgram[]> {
  let fd: number | undefined;
  try {
    const open = openSync(cgroup, 'r');
    fd = open;
    return new Map(Object.entries(HOOKS).map(([hook, type]) => [hook, cgroupQuery(open, type).map(programOf)]));
  } catch (error) {
    throw kernelError('E_DATAPATH_ATTACH', `query the cgroup ${cgroup}`, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Kernel ids of the programs that links pinned below the node's directory run: these are ours. */
export function pinnedPrograms(pinDir: string): Set<number> {
  const found = new Set<number>();
  for (const entry of readdirSync(join(pinDir, 'links'), { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) continue;
    using link = objectGet('link', join(entry.parentPath, entry.name));
    if (link !== undefined) found.add(linkInfo(link).programId);
  }
  return found;
}

function programOf(id: number): HookProgram {
  try {
    using program = progById(id);
    return { id, name: progInfo(program).name };
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return { id, name: '' };
    throw error;
  }
}
