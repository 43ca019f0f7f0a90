/** What metrics count by names that others make up. */

export { openTally, type Tally } from './open-tally.ts';
export type { PolicyTally } from './policy-tally.ts';
