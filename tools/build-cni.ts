#!/usr/bin/env node
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Builds the static C programs of `build/`, each when a source is newer. Prints what it did. */
const root = join(import.meta.dirname, '..');
const programs = {
  'membrane-cni': 'cni',
  'membrane-frame': 'src/demonstration/tools/frame',
  'membrane-pod': 'src/sandbox/kubelet/pod-init',
  'scenario-server': 'test/scenarios/services/programs/server',
} as const;
const flags = ['-std=gnu11', '-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror', '-fstack-protector-strong'];

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

mkdirSync(join(root, 'build'), { recursive: true });
for (const [name, folder] of Object.entries(programs)) {
  const files = readdirSync(join(root, folder)).filter((file) => /\.[ch]$/.test(file));
  const sources = files.map((file) => join(root, folder, file));
  const output = join(root, 'build', name);
  if (sources.every((source) => modified(output) > modified(source))) {
    console.log(`build/${name} is up to date`);
    continue;
  }
  // A runtime may be executing the old file: build beside it, then rename.
  const fresh = `${output}.${process.pid}`;
  const units = sources.filter((source) => source.endsWith('.c'));
  execFileSync('gcc', [...flags, '-o', fresh, ...units], { stdio: 'inherit' });
  chmodSync(fresh, 0o755);
  renameSync(fresh, output);
  console.log(`built build/${name} (${statSync(output).size} bytes)`);
}
