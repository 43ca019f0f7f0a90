import { createHash } from 'node:crypto';
import { type IdentityId, identityId } from '../model/index.ts';
import type { IdentityRange } from './reserved.ts';

/** Beyond it nearly every number is taken. */
export const MOST_PROBES = 128;

/**
 * The numbers that a workload may have, the first that nobody else has being its own: the same for whoever asks. Double
 * hashing, so that two workloads that meet at one number go different ways from there.
 */
export function* probes(key: string, { first, last }: IdentityRange): Generator<IdentityId> {
  const size = last - first + 1;
  const digest = createHash('sha256').update(key).digest();
  const step = stepOf(digest.readUInt32BE(4), size);
  let at = digest.readUInt32BE(0) % size;
  for (let i = 0; i < Math.min(size, MOST_PROBES); i += 1) {
    yield identityId(first + at);
    at = (at + step) % size;
  }
}

/** One that leads to every number. */
function stepOf(hash: number, size: number): number {
  let step = 1 + (hash % Math.max(1, size - 1));
  while (gcd(step, size) !== 1) step += 1;
  return step;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
