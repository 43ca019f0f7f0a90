/** The node's way to pods of other nodes. */
export { type Overlay, openOverlay } from './open-overlay.ts';
