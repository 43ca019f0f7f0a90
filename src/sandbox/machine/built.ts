import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sandboxErrors } from '../errors.ts';
import { REPOSITORY } from './paths.ts';

/** C programs that a sandbox starts. */
const PROGRAMS = ['membrane-cni', 'membrane-pod'];

/** Without them the API server would stand, and no pod ever run. Throws E_SANDBOX_NOT_BUILT. */
export function requireBuilt(root = REPOSITORY): void {
  const datapath = readdirSync(join(root, 'bpf')).filter((name) => name.endsWith('.bpf.c'));
  const needed = [...PROGRAMS, ...datapath.map((name) => name.replace(/c$/, 'o'))];
  const missing = needed.filter((name) => !existsSync(join(root, 'build', name)));
  if (missing.length === 0) return;
  const detail = `build/ is without ${missing.join(', ')}`;
  throw sandboxErrors.make('E_SANDBOX_NOT_BUILT', { detail });
}
