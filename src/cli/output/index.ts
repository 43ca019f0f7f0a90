export { escapeText, safeJson } from './escape.ts';
export { endpointText, flowLine } from './flow-line.ts';
export { Output, type Tone } from './output.ts';
export { type Column, pad, tableLines } from './table.ts';
export { printTrace } from './trace.ts';
export { bytes, duration } from './units.ts';
