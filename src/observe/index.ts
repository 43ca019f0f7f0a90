export { BootClock } from './boot-clock.ts';
export { type DatapathEvent, type DecodeContext, decodeFlow, type FlowLookup } from './decode.ts';
export { FlowHub } from './flow-hub.ts';
