import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where `npm run build` puts the program in one piece. */
export const PROGRAM = 'build/program';
/** A file of sources as it was when the program was built of it: below the home, bytes, milliseconds since the epoch. */
export type Source = readonly [path: string, size: number, changed: number];
/** Beside the program. Empty where sources do not change, as in the image. */
export const SOURCES = 'sources.json';

/**
 * The program that was built of the sources below `home`; undefined: there is none, or a source was changed since. It looks at
 * sizes and times alone, as make does: two thousandths of a second.
 */
export function builtProgram(home: string): string | undefined {
  try {
    const sources = JSON.parse(readFileSync(join(home, PROGRAM, SOURCES), 'utf8')) as readonly Source[];
    return sources.every((source) => isUnchanged(home, source)) ? join(home, PROGRAM, 'start.js') : undefined;
  } catch {
    return undefined;
  }
}

function isUnchanged(home: string, [path, size, changed]: Source): boolean {
  const found = statSync(join(home, path), { throwIfNoEntry: false });
  return found?.size === size && found.mtimeMs === changed;
}
