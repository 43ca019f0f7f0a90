export type { LintedFloor, LintedService, LintFinding, LintWorld } from './finding.ts';
export { lint } from './lint.ts';
