import type { Family } from '../row.ts';
import { agentIdle } from './agent-idle.ts';
import { BenchCluster } from './bench-cluster.ts';
import { flowsLoss } from './flows-loss.ts';
import { PODS, podAdd, podCount } from './pod-add.ts';
import { labelChange, policyPropagate, populateCluster } from './propagation.ts';

const CLIENT = 'pod-0';

/** The agent at work: a sandbox with one node, in the order in which the node fills up. */
export const cluster: Family = {
  rows: ['pod.add', 'agent.rss', 'agent.cpu', 'flows.loss', 'label.change', 'policy.propagate', 'pod.count'],
  run: async (report, wanted) => {
    await using bench = await BenchCluster.up();
    const idle = wanted('agent.rss') || wanted('agent.cpu');
    const names = Array.from({ length: idle ? PODS : 1 }, (_, index) => `pod-${index}`);
    if (wanted('pod.add')) await podAdd(bench, report);
    else await bench.addPods(names);
    const present = wanted('pod.add') ? PODS : names.length;
    if (idle) await agentIdle(bench, report, present);
    if (wanted('flows.loss')) await flowsLoss(bench, report, CLIENT);
    if (wanted('label.change')) await labelChange(bench, report, CLIENT);
    if (wanted('policy.propagate')) {
      await populateCluster(bench);
      await policyPropagate(bench, report, CLIENT);
    }
    if (wanted('pod.count')) await podCount(bench, report, present);
  },
};
