/** What is told of connections. */
export { openFlows } from './open-flows.ts';
