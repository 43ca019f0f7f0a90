import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where `package.json`, `src/` and `build/` are: two folders above this file, as above the program that is built of it. */
export const HOME = resolve(import.meta.dirname, '../..');

/** `0.1.0` */
export function packageVersion(): string {
  const json = JSON.parse(readFileSync(join(HOME, 'package.json'), 'utf8')) as { version: string };
  return json.version;
}
