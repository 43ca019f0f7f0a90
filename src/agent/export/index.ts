/** Flows to a file of this node. */
export { openExport } from './open-export.ts';
