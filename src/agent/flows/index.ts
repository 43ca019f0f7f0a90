/** What is told of connections. */
export { Flows } from './flows.ts';
