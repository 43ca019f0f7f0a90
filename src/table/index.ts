export type { TableReader } from './reader.ts';
export { type ReadonlyTable, Table, type TableBatch } from './table.ts';
