#!/usr/bin/env node
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Builds the page into `build/ui`, where it is another than what was built. Prints what it did. */
const root = join(import.meta.dirname, '..');
/** The page's own files, and those of ours that are bundled with it. */
const SOURCES = [
  'ui/*.{json,html,ts}',
  'ui/{src,public}/**/*',
  'src/ui/{messages,place,query}.ts',
  'src/base/escape.ts',
  'src/model/*.ts',
];
const stampFile = join(root, 'build/.ui-sources');

const hash = createHash('sha256');
for (const path of globSync(SOURCES, { cwd: root, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .sort()) {
  hash.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0');
}
const wanted = hash.digest('hex');
const built = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : '';
if (built === wanted && existsSync(join(root, 'build/ui/index.html'))) console.log('build/ui is up to date');
else {
  if (!existsSync(join(root, 'node_modules/preact'))) {
    console.error('build-ui: the libraries of the page are not installed; run `npm run setup`');
    process.exit(4);
  }
  execFileSync(join(root, 'node_modules/.bin/vite'), ['build', 'ui'], { cwd: root, stdio: 'inherit' });
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(stampFile, wanted);
  console.log('built build/ui');
}
