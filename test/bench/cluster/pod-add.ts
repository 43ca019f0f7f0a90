import type { Report } from '../row.ts';
import { summary } from '../stats.ts';
import { type BenchCluster, fromNs, monotonicMs, PORT } from './bench-cluster.ts';

export const PODS = 100;
const ALL = 250;

/** From the moment that the CNI plugin is run for a pod to the first packet that it is answered. */
export async function podAdd(cluster: BenchCluster, report: Report): Promise<void> {
  const times: number[] = [];
  for (let index = 0; index < PODS; index += 1) times.push(await firstAnswer(cluster, `pod-${index}`));
  const common = { unit: 'ms', target: { of: 'value', bound: 'at most' } } as const;
  report({ name: 'pod.add.p50', ...summary(times), ...common, target: { ...common.target, limit: 60 } });
  report({ name: 'pod.add.p99', ...summary(times, 0.99), ...common, target: { ...common.target, limit: 150 } });
}

async function firstAnswer(cluster: BenchCluster, name: string): Promise<number> {
  const answered = Promise.withResolvers<number>();
  cluster.beforeNetwork = async (pod, netns) => {
    if (pod !== name) return;
    const prober = cluster.spawn(netns, 'first', cluster.server, String(PORT));
    await prober.line();
    const start = monotonicMs();
    void prober
      .line()
      .then((line) => answered.resolve(fromNs(line) - start), answered.reject)
      .finally(() => prober[Symbol.dispose]());
  };
  try {
    await cluster.addPods([name]);
    return await answered.promise;
  } finally {
    cluster.beforeNetwork = undefined;
  }
}

/** Fills the node up; every pod must be enforced and be answered. */
export async function podCount(cluster: BenchCluster, report: Report, present: number): Promise<void> {
  const start = performance.now();
  // One of them is the server.
  const names = Array.from({ length: ALL - 1 - present }, (_, index) => `more-${index}`);
  await cluster.addPods(names);
  const seconds = (performance.now() - start) / 1000;
  const { endpointsReady } = (await cluster.api.status()).counts;
  const last = names.at(-1) ?? '';
  using prober = cluster.spawn(await cluster.netnsOf(last), 'first', cluster.server, String(PORT));
  await prober.line();
  await prober.line();
  report({
    name: 'pod.count',
    value: endpointsReady,
    unit: 'pods',
    n: 1,
    min: endpointsReady,
    max: endpointsReady,
    target: { of: 'value', bound: 'at least', limit: ALL },
    note: `the last ${names.length} in ${seconds.toFixed(1)} s`,
  });
}
