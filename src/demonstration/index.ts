export { runDemo } from './demo.ts';
export { runAttacks } from './run.ts';
