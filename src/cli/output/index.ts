export { escapeText, safeJson } from './escape.ts';
export { Output, type Tone } from './output.ts';
export { type Column, pad, tableLines } from './table.ts';
export { bytes, duration } from './units.ts';
