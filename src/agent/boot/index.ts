/** What goes before a start, and what undoes one. */
export { cleanup } from './cleanup.ts';
export { pinsBelow, preflight, removeNewPins } from './preflight.ts';
