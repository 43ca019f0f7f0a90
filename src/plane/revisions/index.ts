/** Sets of rows that are seen whole or not at all: their numbers, their room, and how they come and go. */

export { FreshNumbers, type NumberReserve } from './fresh-numbers.ts';
export { Refusals } from './refusals.ts';
export { VersionedSets } from './versioned-sets.ts';
