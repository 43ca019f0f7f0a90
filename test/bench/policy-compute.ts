import { PolicyRepository } from '../../src/policy/index.ts';
import { IDENTITIES, POLICIES, populate } from './large-cluster.ts';
import type { Family } from './row.ts';
import { summary } from './stats.ts';

const WARM_UP = 100;
const SAMPLES = 1000;

/** From policies and identities to the table of one endpoint. */
export const policyCompute: Family = {
  rows: ['policy.compute'],
  run: async (report) => {
    const repository = new PolicyRepository();
    const identities = populate(repository);
    const times: number[] = [];
    let rows = 0;
    for (const [index, { id }] of identities.entries()) {
      if (index >= WARM_UP + SAMPLES) break;
      const start = performance.now();
      const { ingress, egress } = repository.tablesFor(id);
      if (index < WARM_UP) continue;
      times.push(performance.now() - start);
      rows += ingress.size + egress.size;
    }
    const size = `${POLICIES} policies, ${IDENTITIES} identities, ${Math.round(rows / times.length)} rows and peers an endpoint`;
    report({
      name: 'policy.compute',
      ...summary(times, 0.99),
      unit: 'ms',
      target: { of: 'value', bound: 'at most', limit: 2 },
      note: `p99; ${size}`,
    });
  },
};
