export { ATTACKS, type Attack, type AttackOptions, selectAttacks } from './catalogue.ts';
export { attackErrors } from './errors.ts';
export type { AttackLine } from './line.ts';
export { linesOf, type RunAttacksOptions, runAttacks } from './run.ts';
export { type Actor, Stage } from './stage.ts';
