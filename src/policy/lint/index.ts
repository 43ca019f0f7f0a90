export { beyondTenantSteps } from './beyond-tenant.ts';
export type { LintedFloor, LintedService, LintFinding, LintWorld } from './finding.ts';
export { lint } from './lint.ts';
