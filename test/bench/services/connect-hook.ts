import { join } from 'node:path';
import type { ProgFd } from '../../../src/datapath/kernel/fd.ts';
import { cgroupLinkInfo, enableRunStats, objectGet, progById, progInfo } from '../../../src/datapath/kernel/syscall.ts';
import { NODE } from '../cluster/bench-cluster.ts';
import type { Report } from '../row.ts';
import { interleaved, summary } from '../stats.ts';
import type { ServiceNode } from './service-node.ts';

export const CONNECT_ROW = 'service.connect';
const ROUNDS = 15;
const CONNECTS = 100_000;

/**
 * What the connect program costs a socket that connects to no service: the kernel's own account of the program's run
 * time. Beside it what the process sees, connect() with the program less connect() without.
 */
export async function connectHook(node: ServiceNode, report: Report, services: number): Promise<void> {
  using program = connectProgram(node);
  const unhooked = await node.unhooked();
  const ways = {
    with: async () => await node.client('connect', CONNECTS, node.direct),
    without: async () => await unhooked('connect', CONNECTS, node.direct),
  };
  for (const warmUp of Object.values(ways)) await warmUp();
  const seen = await interleaved(ROUNDS, ways);
  const runs: number[] = [];
  {
    using _ = enableRunStats();
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = progInfo(program);
      await ways.with();
      const after = progInfo(program);
      if (after.runs - before.runs < CONNECTS) throw new Error('the connect program did not run at every connect()');
      runs.push((after.runNs - before.runNs) / (after.runs - before.runs));
    }
  }
  const [hooked, bare] = [summary(seen.with).value, summary(seen.without).value];
  report({
    name: CONNECT_ROW,
    ...summary(runs),
    unit: 'ns',
    target: { of: 'value', bound: 'at most', limit: 223 },
    note: `${services} services, run time of connect4 as the kernel counts it; connect() takes ${hooked.toFixed(0)} ns with it, ${bare.toFixed(0)} ns without`,
  });
}

function connectProgram(node: ServiceNode): ProgFd {
  using link = objectGet('link', join(node.cluster.sandbox.node(NODE).pinDir, 'links/sock/connect4'));
  if (link === undefined) throw new Error('the connect program is not attached');
  return progById(cgroupLinkInfo(link).programId);
}
