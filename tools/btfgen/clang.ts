import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A failure that the user can act on: printed without a stack. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

const MISSING_CLANG = 'clang is not installed. On Debian: apt-get install clang llvm libbpf-dev linux-libc-dev';

/** Kernel headers of Debian's multiarch layout, which clang does not search when its target is bpf. */
function multiarchInclude(): string[] {
  const triple = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch as 'x64' | 'arm64'];
  const directory = `/usr/include/${triple}`;
  return existsSync(directory) ? [`-I${directory}`] : [];
}

export const CLANG_FLAGS: readonly string[] = [
  '-target',
  'bpf',
  '-mcpu=v3',
  '-O2',
  '-g',
  '-Wall',
  '-Wextra',
  '-Werror',
];

export function clangVersion(): string {
  const result = spawnSync('clang', ['--version'], { encoding: 'utf8' });
  if (result.error !== undefined) throw new BuildError(MISSING_CLANG);
  return result.stdout.split('\n')[0] ?? '';
}

/** Compiles one file; throws BuildError with the compiler's own words. */
export function compile(source: string, target: string, flags: readonly string[] = []): void {
  if (!existsSync('/usr/include/bpf/bpf_helpers.h')) {
    throw new BuildError('The headers of libbpf are missing. On Debian: apt-get install libbpf-dev');
  }
  const args = [...CLANG_FLAGS, ...multiarchInclude(), `-I${ROOT}bpf`, ...flags, '-c', source, '-o', target];
  const result = spawnSync('clang', args, { encoding: 'utf8' });
  if (result.error !== undefined) throw new BuildError(MISSING_CLANG);
  if (result.status !== 0) throw new BuildError(`${source} does not compile:\n${result.stderr.trimEnd()}`);
}
