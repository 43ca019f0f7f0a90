/** What the agent tells whoever asks. */
export { Admin } from './admin.ts';
export { passHistogram, registerAgentMetrics } from './agent-metrics.ts';
export { measureFootprint } from './footprint.ts';
