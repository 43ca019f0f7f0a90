export { escapeText, safeJson } from './escape.ts';
export { endpointText, flowLine } from './flow-line.ts';
export { Output, type OutputOptions, type Tone } from './output.ts';
export { type Column, pad } from './table.ts';
export { printTrace } from './trace.ts';
export { bytes, duration } from './units.ts';
