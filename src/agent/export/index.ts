/** Flows to a file of this node. */
export { exportMetrics } from './export-metrics.ts';
export { openExport } from './open-export.ts';
