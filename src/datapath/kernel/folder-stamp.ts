import { statSync } from 'node:fs';

/** The kernel stamps files by a clock that moves in steps of up to 10 ms: two changes may bear one stamp. */
const SETTLED_MS = 1_000;

/**
 * The same text twice means that in between nothing in the folder came, went or was replaced, and that it is the same
 * folder: one question instead of one for each entry. Undefined: that cannot be said, since it is gone or changed just now.
 */
export function folderStamp(path: string, now: number = Date.now()): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined || now - Number(stat.ctimeMs) < SETTLED_MS) return undefined;
  return `${stat.dev} ${stat.ino} ${stat.ctimeNs}`;
}
