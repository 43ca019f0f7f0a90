#!/usr/bin/env node
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Builds `build/membrane-cni`, the static CNI client, when its source is newer. Prints what it did. */
const root = join(import.meta.dirname, '..');
const source = join(root, 'cni/membrane-cni.c');
const output = join(root, 'build/membrane-cni');

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

if (modified(output) > modified(source)) {
  console.log('build/membrane-cni is up to date');
} else {
  mkdirSync(join(root, 'build'), { recursive: true });
  // A runtime may be executing the old file: build beside it, then rename.
  const fresh = `${output}.${process.pid}`;
  const flags = ['-std=gnu11', '-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror', '-fstack-protector-strong'];
  execFileSync('gcc', [...flags, '-o', fresh, source], { stdio: 'inherit' });
  chmodSync(fresh, 0o755);
  renameSync(fresh, output);
  console.log(`built build/membrane-cni (${statSync(output).size} bytes)`);
}
