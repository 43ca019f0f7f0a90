/**
 * `npm run build:bpf`: compiles every bpf/*.bpf.c into build/, and what tests need beside them into build/tests/, when its sources or the compiler changed. Each object is
 * stamped with the hash of the shared layouts, which the loader compares with the generated code's.
 */
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATAPATH_STAMP, datapathSources } from '../src/sandbox/machine/built.ts';
import { BuildError, CLANG_FLAGS, clangVersion, compile, ROOT } from './btfgen/clang.ts';
import { readLayout } from './btfgen/layout.ts';

const SOURCES = join(ROOT, 'bpf');
const BUILD = join(ROOT, 'build');

/** What objects depend on beside the sources. */
function toolsHash(version: string): string {
  const hash = createHash('sha256').update(version).update(CLANG_FLAGS.join(' '));
  for (const file of globSync(['tools/build-bpf.ts', 'tools/btfgen/*.ts'], { cwd: ROOT }).toSorted()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
}

function main(): void {
  const programs = globSync(['*.bpf.c', 'tests/*.bpf.c'], { cwd: SOURCES }).toSorted();
  const stamp = join(ROOT, DATAPATH_STAMP);
  const made = `${datapathSources(ROOT)} ${toolsHash(clangVersion())}`;
  const built = new Set(globSync(['*.bpf.o', 'tests/*.bpf.o'], { cwd: BUILD }));
  const objects = programs.map((file) => file.replace(/\.c$/, '.o'));
  if (readOr(stamp, '') === made && objects.every((file) => built.has(file))) {
    console.log('datapath: up to date');
    return;
  }
  mkdirSync(join(BUILD, 'tests'), { recursive: true });
  const layout = readLayout();
  const header = join(BUILD, 'layout-stamp.h');
  writeFileSync(
    header,
    `static const char membrane_layout_stamp[] __attribute__((section("membrane_layout"), used)) = "${layout.hash}";\n`,
  );
  for (const file of programs) {
    const object = join(BUILD, file.replace(/\.c$/, '.o'));
    console.log(`datapath: compiling bpf/${file}`);
    compile(join(SOURCES, file), `${object}.new`, ['-include', header]);
    renameSync(`${object}.new`, object);
  }
  writeFileSync(stamp, made);
  console.log(`datapath: ${programs.length} objects, layout ${layout.hash}`);
}

try {
  main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
