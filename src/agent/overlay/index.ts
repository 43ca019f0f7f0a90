/** The node's way to pods of other nodes. */
export { openOverlay } from './open-overlay.ts';
