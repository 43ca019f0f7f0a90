import { cliStart } from './cli-start.ts';
import { cluster } from './cluster/index.ts';
import { flows } from './flows.ts';
import { footprint } from './footprint.ts';
import { nodes } from './nodes/index.ts';
import { overlayCost } from './overlay-cost.ts';
import { page } from './page.ts';
import { policyCompute } from './policy-compute.ts';
import { programCost } from './program-cost.ts';
import { remote } from './remote/index.ts';
import type { Family } from './row.ts';
import { scaleEntries } from './scale-entries.ts';
import { services } from './services/index.ts';
import { tenantCost } from './tenant-cost.ts';
import { tenantsAtWork } from './tenants-at-work.ts';
import { wire, wireScale } from './wire/index.ts';

/** In the order of the report. */
export const FAMILIES: readonly Family[] = [
  programCost,
  tenantCost,
  tenantsAtWork,
  overlayCost,
  wire,
  scaleEntries,
  wireScale,
  flows,
  page,
  footprint,
  policyCompute,
  cliStart,
  cluster,
  nodes,
  remote,
  services,
];
