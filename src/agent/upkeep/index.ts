/** What keeps the datapath as it should be while the agent serves. */
export { Collection } from './conntrack-collector.ts';
export { DatapathHealth } from './datapath-health.ts';
export { Switchover } from './switchover.ts';
