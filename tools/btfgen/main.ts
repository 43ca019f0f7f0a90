/** `npm run gen` writes the generated TypeScript; `npm run gen -- --check` fails when it is not what the headers say. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BuildError, ROOT } from './clang.ts';
import { emitCodecs } from './emit-codecs.ts';
import { emitEnums } from './emit-enums.ts';
import { emitLayout } from './emit-layout.ts';
import { emitNumbers } from './emit-numbers.ts';
import { readLayout } from './layout.ts';

export function generate(): Map<string, string> {
  const layout = readLayout();
  const config = layout.structs.filter((s) => s.name === 'config');
  const records = layout.structs.filter((s) => s.name !== 'config');
  return new Map([
    ['src/model/gen/enums.ts', emitEnums(layout)],
    ['src/model/gen/numbers.ts', emitNumbers(layout)],
    ['src/datapath/gen/layout.ts', emitLayout(layout)],
    ['src/datapath/gen/codecs.ts', emitCodecs(records, layout)],
    ['src/datapath/gen/config.ts', emitCodecs(config, layout)],
  ]);
}

function current(path: string): string {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return '';
  }
}

function main(): number {
  const check = process.argv.includes('--check');
  const stale = [...generate()].filter(([path, text]) => current(path) !== text);
  if (check) {
    for (const [path] of stale) console.error(`${path} is not what bpf/lib says; run \`npm run gen\` and commit it`);
    return stale.length === 0 ? 0 : 1;
  }
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
    console.log(`wrote ${path}`);
  }
  if (stale.length === 0) console.log('generated code is up to date');
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = main();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
