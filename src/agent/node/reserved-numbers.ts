import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { StateFiles } from './state-files.ts';

/** Where numbers begin when nobody knows which were given out: somewhere above all that a node ever comes to. */
const UNKNOWN = { min: 2 ** 30, max: 2 ** 31 };

const schema = z
  .int()
  .min(1)
  .max(2 ** 32);

/** What the state directory remembers under this name: numbers below may have been given out by an earlier life. */
export function reservedNumbers(state: Pick<StateFiles, 'read' | 'writeJson'>, name: string) {
  return {
    next: state.read(name, schema) ?? randomInt(UNKNOWN.min, UNKNOWN.max),
    reserve: (below: number): void => state.writeJson(name, below),
  };
}
