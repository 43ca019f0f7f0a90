/** What this node is, what its owner wants of it, and what an agent keeps for its next life. */
export type { AgentConfig } from './config.ts';
export { makeDirectory } from './directory.ts';
export { takeLock } from './lock.ts';
export {
  isReserved,
  MASQUERADE_PORTS,
  type Ports,
  releaseMasqueradePorts,
  reservedPorts,
  UNRESERVED_PORTS,
} from './masquerade-ports.ts';
export { type AgentNode, nodeService, openNode, programsLearnt } from './node.ts';
export { GATEWAY, GATEWAY_MAC } from './node-facts.ts';
export { OVERLAY_DEVICE, overlaySpec, podMtu } from './overlay-device.ts';
export { isKubeProxys, type ProxyFacts, proxyFacts } from './proxy-facts.ts';
export { reservedNumbers } from './reserved-numbers.ts';
export { configKeys, readConfig } from './settings.ts';
export type { StateFiles } from './state-files.ts';
