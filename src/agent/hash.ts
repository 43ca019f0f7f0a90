import { createHash } from 'node:crypto';

/** Names contents exactly, for comparing what runs with what should. 16 hex digits. */
export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest('hex').slice(0, 16);
}
