export { CONTROL_BACKEND_PORT, CONTROL_NODE_PORT, ControlNode, type Outsider } from './control-node.ts';
export { decidedBy, flowText } from './decided-by.ts';
export {
  type DropCounts,
  dropCounts,
  dropCountsOf,
  dropsSince,
  dropsText,
  nodeDropCounts,
  sumDrops,
  totalDrops,
} from './drops.ts';
export { type Arrived, DUPLEX_PORTS, Duplex } from './duplex.ts';
export { type FrameSource, judgeCase, type Place, placesOf, podSource, runCases, sendCase } from './frame-trial.ts';
export { type Knockers, knockers } from './knockers.ts';
export { type AttackLine, joinSeen, plural } from './line.ts';
export { joinNeighbour, type Neighbour } from './neighbour.ts';
export { ONLY_NET_RAW, rawOnly } from './raw-only.ts';
export { type Actor, Stage } from './stage.ts';
export { stopAgent } from './stopped-agent.ts';
export {
  BACKEND,
  BACKEND_PORT,
  DEBUG_PORT,
  FRONTEND,
  podName,
  TENANTS,
  tenantScene,
} from './tenants.ts';
export type { SeenFlow } from './witness.ts';
