import { BenchCluster } from '../cluster/bench-cluster.ts';
import { changeTimes, propagationRow } from '../cluster/propagation.ts';
import type { Family } from '../row.ts';
import { betweenNodes } from './between-nodes.ts';
import { knownElsewhere } from './known-elsewhere.ts';

const CLIENT = 'pod-0';
const ELSEWHERE = 'node-2';

/** Two nodes with their agents: the server is on the second, clients on the first. */
export const nodes: Family = {
  rows: ['nodes.stream', 'nodes.rr', 'nodes.crr', 'nodes.label', 'nodes.pod'],
  run: async (report, wanted) => {
    await using bench = await BenchCluster.up({ nodes: 2, serverNode: ELSEWHERE });
    await bench.addPods([CLIENT]);
    await betweenNodes(bench, report, { client: CLIENT, node: ELSEWHERE, wanted });
    if (wanted('nodes.label')) {
      report(propagationRow('nodes.label', 200, await changeTimes(bench, CLIENT), ', at a pod of the other node'));
    }
    if (wanted('nodes.pod')) await knownElsewhere(bench, report);
  },
};
