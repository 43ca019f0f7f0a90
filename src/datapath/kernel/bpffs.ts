import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { hasErrno } from './errno.ts';
import { kernelError } from './kernel-error.ts';
import { mountBpffs } from './libbpf.ts';

export const BPFFS = '/sys/fs/bpf';
const BPF_FS_MAGIC = 0xcafe4a11;

export function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch {
    return false;
  }
}

/**
 * Mounts a bpffs at `path` unless there is one. A node of the sandbox has one of its own, because entering a network
 * namespace with `ip netns` hides /sys/fs/bpf. Throws E_DATAPATH_PIN, E_DATAPATH_PERMISSION.
 */
export function ensureBpffs(path: string = BPFFS): void {
  if (isBpffs(path)) return;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    mountBpffs(path);
  } catch (error) {
    if (hasErrno(error, 'EBUSY') && isBpffs(path)) return;
    throw kernelError('E_DATAPATH_PIN', `mount a bpffs at ${path}`, error);
  }
}

/** Removes a node's pins and with them its maps and links, unless a device still uses them. */
export function removePins(pinDir: string): void {
  rmSync(pinDir, { recursive: true, force: true });
}
