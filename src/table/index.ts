export { type Operations, Reconciler, type ReconcilerOptions, type RowStatus } from './reconciler.ts';
export { type Change, type Changes, type Key, type ReadonlyTable, Table, type TableOptions } from './table.ts';
