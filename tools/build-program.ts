#!/usr/bin/env node
/**
 * Builds src/cli/start.ts with all that it loads, ours and libraries, into a few files of build/program, when a source is
 * another than what was built. Prints what it did.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';
import { builtProgram, PROGRAM, SOURCES, type Source } from '../src/cli/built-program.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, PROGRAM);
/** Changes with every library that is installed. */
const LIBRARIES = 'node_modules/.package-lock.json';
/** What is still running loads parts of what it was started from: they are named by their content, and stay that long. */
const KEPT_MS = 7 * 86_400_000;

if (builtProgram(root) !== undefined) console.log(`${PROGRAM} is up to date`);
else {
  const began = Date.now();
  const chunks = await bundle();
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (began - statSync(join(folder, name)).mtimeMs > KEPT_MS) rmSync(join(folder, name));
  }
  // In the order in which one needs the other.
  for (const { fileName, code } of chunks.toSorted((a, b) => Number(a.isEntry) - Number(b.isEntry)))
    put(fileName, scriptOf(code));
  put(SOURCES, JSON.stringify(sourcesOf(chunks, began)));
  console.log(`built ${PROGRAM}`);
}

async function bundle(): Promise<OutputChunk[]> {
  await using build = await rolldown({
    cwd: root,
    input: { start: 'src/cli/start.ts' },
    platform: 'node',
    // Has a file for each kind of machine, and finds it by where it is itself.
    external: ['koffi'],
  });
  const { output } = await build.generate({
    format: 'cjs',
    comments: { jsdoc: false },
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // A module begins when it is asked for, as it does by itself.
    strictExecutionOrder: true,
  });
  return output.filter((file) => file.type === 'chunk');
}

function sourcesOf(chunks: readonly OutputChunk[], began: number): Source[] {
  const modules = new Set(chunks.flatMap(({ moduleIds }) => moduleIds).map((file) => relative(root, file)));
  const own = [...modules].filter((file) => file.startsWith('src/')).toSorted();
  return [...own, LIBRARIES].map((file) => {
    const { size, mtimeMs } = statSync(join(root, file));
    // What was written meanwhile may be in it or not.
    return [file, size, mtimeMs < began ? mtimeMs : 0];
  });
}

/** As `BuiltScripts` runs it. In ASCII: of a source with one other letter V8 keeps two bytes for each. */
function scriptOf(code: string): string {
  const ascii = code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `(function (exports, require, module, __filename, __dirname) {${ascii}\n})`;
}

/** Who reads it meanwhile finds the old or the new one. */
function put(name: string, text: string): void {
  writeFileSync(join(folder, `${name}.new`), text);
  renameSync(join(folder, `${name}.new`), join(folder, name));
}
