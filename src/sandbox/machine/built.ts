import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sandboxErrors } from '../errors.ts';
import { REPOSITORY } from './paths.ts';

/** C programs that a sandbox starts, and where their sources are. */
const PROGRAMS = { 'membrane-cni': 'cni', 'membrane-pod': 'src/sandbox/kubelet/pod-init' };

/** What the datapath in `build/` was compiled from: `datapathSources`, then whatever else its build depends on. */
export const DATAPATH_STAMP = 'build/.bpf-sources';

/**
 * Without them the API server would stand, and no pod ever run; and what was built of other sources would show something
 * else than what is to be seen here. Throws E_SANDBOX_NOT_BUILT.
 */
export function requireBuilt(root = REPOSITORY): void {
  const datapath = readdirSync(join(root, 'bpf')).filter((name) => name.endsWith('.bpf.c'));
  const needed = [...Object.keys(PROGRAMS), ...datapath.map((name) => name.replace(/c$/, 'o'))];
  const missing = needed.filter((name) => !existsSync(join(root, 'build', name)));
  const refuse = (detail: string): never => {
    throw sandboxErrors.make('E_SANDBOX_NOT_BUILT', { detail });
  };
  if (missing.length > 0) refuse(`build/ is without ${missing.join(', ')}`);
  for (const [name, folder] of Object.entries(PROGRAMS)) {
    if (isOlder(join(root, 'build', name), join(root, folder))) refuse(`build/${name} is older than ${folder}`);
  }
  if (readOr(join(root, DATAPATH_STAMP)).split(' ')[0] !== datapathSources(root))
    refuse('build/*.bpf.o are not what bpf/ says now');
}

/** A hash of all sources of the datapath, those of its tests with them. */
export function datapathSources(root: string): string {
  const hash = createHash('sha256');
  for (const file of cFiles(join(root, 'bpf'))) {
    hash.update(`\0${file}\0`).update(readFileSync(join(root, 'bpf', file)));
  }
  return hash.digest('hex');
}

/** As tools/build-cni.ts decides. */
function isOlder(output: string, folder: string): boolean {
  const built = statSync(output).mtimeMs;
  return cFiles(folder).some((file) => statSync(join(folder, file)).mtimeMs >= built);
}

function cFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[ch]$/.test(file))
    .toSorted();
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
