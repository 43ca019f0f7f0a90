/** `npm run gen` writes the code of proto/; `-- --check` fails when it is not what the files say. Needs protoc. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const PROTO = join(ROOT, 'proto');
const GEN = join(ROOT, 'src/api/hubble/gen');

/** JavaScript and declarations: enums of TypeScript are not erasable. */
const OPTIONS = 'target=js+dts,import_extension=js';

function generate(): Map<string, string> {
  const out = mkdtempSync(join(tmpdir(), 'membrane-proto-'));
  try {
    const plugin = `--plugin=protoc-gen-es=${join(ROOT, 'node_modules/.bin/protoc-gen-es')}`;
    const files = globSync('**/*.proto', { cwd: PROTO }).toSorted();
    execFileSync('protoc', ['-I.', '-I/usr/include', plugin, `--es_out=${out}`, `--es_opt=${OPTIONS}`, ...files], {
      cwd: PROTO,
      stdio: 'inherit',
    });
    const made = globSync('**/*_pb.{js,d.ts}', { cwd: out }).toSorted();
    return new Map(made.map((path) => [path, readFileSync(join(out, path), 'utf8')]));
  } finally {
    rmSync(out, { recursive: true });
  }
}

function main(): number {
  const check = process.argv.includes('--check');
  const made = generate();
  const isStale = ([path, text]: readonly [string, string]) =>
    !existsSync(join(GEN, path)) || readFileSync(join(GEN, path), 'utf8') !== text;
  const stale = [...made].filter(isStale);
  const left = globSync('**/*_pb.{js,d.ts}', { cwd: GEN }).filter((path) => !made.has(path));
  if (check) {
    for (const path of [...stale.map(([name]) => name), ...left])
      console.error(`src/api/hubble/gen/${path} is not what proto/ says; run \`npm run gen\` and commit it`);
    return stale.length + left.length === 0 ? 0 : 1;
  }
  for (const path of left) rmSync(join(GEN, path));
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(GEN, path)), { recursive: true });
    writeFileSync(join(GEN, path), text);
    console.log(`wrote src/api/hubble/gen/${path}`);
  }
  return 0;
}

process.exitCode = main();
