export { BootClock } from './boot-clock.ts';
export { type DatapathEvent, type DecodeContext, decodeFlow, type FlowLookup, type WorkloadName } from './decode.ts';
export { compileFilter } from './filter.ts';
export { FlowHub, type FlowHubOptions, type FlowQuery, type FlowStats } from './flow-hub.ts';
