import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../row.ts';
import { type BenchCluster, processUsage } from './bench-cluster.ts';

/** What the start of the pods left is collected some ten seconds later. */
const SETTLE_MS = 20_000;
/** Six rounds of what is looked at every ten seconds; a tick of the kernel's account is 10 ms. */
const WATCH_MS = 60_000;

/** What the agent holds and uses while nothing happens. */
export async function agentIdle(cluster: BenchCluster, report: Report, pods: number): Promise<void> {
  await sleep(SETTLE_MS);
  const pid = await cluster.agentPid();
  const before = processUsage(pid);
  const start = performance.now();
  await sleep(WATCH_MS);
  const after = processUsage(pid);
  const percent = ((after.cpuMs - before.cpuMs) / (performance.now() - start)) * 100;
  const megabytes = [before, after].map(({ rssBytes }) => rssBytes / 1e6);
  report({
    name: 'agent.rss',
    value: Math.max(...megabytes),
    unit: 'MB',
    n: 2,
    min: Math.min(...megabytes),
    max: Math.max(...megabytes),
    target: { of: 'value', bound: 'at most', limit: 120 },
    note: `${pods} pods, idle`,
  });
  report({
    name: 'agent.cpu',
    value: percent,
    unit: '%',
    n: 1,
    min: percent,
    max: percent,
    // "0 %" as top shows it.
    target: { of: 'value', bound: 'at most', limit: 0.5 },
    note: `${pods} pods, idle, over ${WATCH_MS / 1000} s`,
  });
}
