import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeWhole } from './whole-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-whole-'));
  path = join(folder, 'file');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('puts another file in its place, whatever a crash left beside it', () => {
  writeWhole(path, 'one', { temporary: `${path}.new`, mode: 0o600 });
  const { ino } = statSync(path);
  writeFileSync(`${path}.new`, 'of a crash, and longer');
  writeWhole(path, Buffer.from('two'), { temporary: `${path}.new`, mode: 0o755 });
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(statSync(path).mode & 0o777).toBe(0o755);
  expect(statSync(path).ino).not.toBe(ino);
  expect(readdirSync(folder)).toEqual(['file']);
});

it('leaves what was there where there is room for a part only, and nothing beside it', () => {
  writeFileSync(path, 'what was good');
  // As a disk that is nearly full, a limit lets the kernel take the first bytes and say how many these were.
  const module = JSON.stringify(join(import.meta.dirname, 'whole-file.ts'));
  const how = JSON.stringify({ temporary: `${path}.new`, mode: 0o600 });
  const script = `import { writeWhole } from ${module};
    try { writeWhole(${JSON.stringify(path)}, 'x'.repeat(5_000), ${how}); console.log('written'); }
    catch (error) { console.log(error.code); }`;
  const limited = `trap '' XFSZ; exec prlimit --fsize=4096 "$0" --input-type=module --eval "$1"`;
  const said = execFileSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8' });
  expect(said.trim()).toBe('EFBIG');
  expect(readFileSync(path, 'utf8')).toBe('what was good');
  expect(readdirSync(folder)).toEqual(['file']);
});
