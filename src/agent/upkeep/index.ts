/** What keeps the datapath as it should be while the agent serves. */
export type { Collection } from './conntrack-collector.ts';
export type { DatapathHealth } from './datapath-health.ts';
export { openUpkeep, type Upkeep } from './open-upkeep.ts';
export type { Switchover } from './switchover.ts';
