export { FewByKey } from './few-by-key.ts';
export type { TableReader } from './reader.ts';
export { type ReadonlyTable, Table, type TableBatch } from './table.ts';
