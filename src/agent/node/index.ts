/** What this node is, what its owner wants of it, and what an agent keeps for its next life. */

export { type AgentConfig, readConfig } from './config.ts';
export { configKeys } from './config-keys.ts';
export { makeDirectory } from './directory.ts';
export { takeLock } from './lock.ts';
export {
  isReserved,
  MASQUERADE_PORTS,
  type Ports,
  releaseMasqueradePorts,
  reservedPorts,
  reserveMasqueradePorts,
  UNRESERVED_PORTS,
} from './masquerade-ports.ts';
export { mapSizes, nodeConfig } from './node-config.ts';
export { findUplink, GATEWAY, GATEWAY_MAC, nodeAddresses } from './node-facts.ts';
export { Numbers } from './numbers.ts';
export { reservedNumbers } from './reserved-numbers.ts';
export { StateFiles } from './state-files.ts';
