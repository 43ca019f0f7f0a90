import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { NODE, processUsage } from '../cluster/bench-cluster.ts';
import type { Report } from '../row.ts';
import { summary } from '../stats.ts';
import { endpointsOf, MANY, manyName } from './many-services.ts';
import { eventually, frontend, type ServiceNode } from './service-node.ts';

const CHANGES = 200;
const STARTS = 3;
const START_MS = 60_000;
const SETTLE_MS = 3000;
/** Beyond the addresses that are in use. */
const ELSEWHERE = 100_000;
const LATE_MS = 30_000;

/** From the write of an EndpointSlice to the API server until the kernel sends nobody to its former endpoints. */
export async function serviceUpdate(node: ServiceNode, report: Report, services: number): Promise<void> {
  const times: number[] = [];
  for (let change = 0; change < CHANGES; change += 1) {
    const index = (change * 997) % (services - 1);
    const name = manyName(index);
    const key = frontend(await node.clusterIpOf(MANY, name));
    const before = node.maps.services.get(key)?.revision;
    if (before === undefined) throw new Error(`${name} is not in the kernel`);
    const [first, second] = [endpointsOf(index)[0], endpointsOf(index, ELSEWHERE)[1]];
    // Not in step with anything that happens at intervals.
    await sleep(15 + ((change * 7) % 20));
    const start = performance.now();
    await node.cluster.sandbox.patch(
      { resource: 'endpointslices', namespace: MANY, name },
      JSON.parse(JSON.stringify({ endpoints: [first, second] })),
    );
    while (node.maps.services.get(key)?.revision === before) {
      if (performance.now() - start > LATE_MS) throw new Error(`${name} did not change in the kernel`);
      await nextTurn();
    }
    times.push(performance.now() - start);
  }
  report({
    name: 'service.update',
    ...summary(times, 0.99),
    unit: 'ms',
    target: { of: 'value', bound: 'at most', limit: 100 },
    note: `p99, p50 ${summary(times).value.toFixed(1)} ms; one of two endpoints changes, ${services} services; by the sandbox's API server and the agent's watch`,
  });
}

/** Agents that start, with empty maps and with full ones, until every service is in the kernel; then what one holds. */
export async function serviceLoad(node: ServiceNode, report: Report, services: number): Promise<void> {
  const { sandbox } = node.cluster;
  const times: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    await sandbox.killAgent(NODE);
    await node.emptyMaps();
    const begin = performance.now();
    await sandbox.startAgent(NODE);
    await eventually(`${services} services are in the kernel`, () => node.complete(), START_MS);
    times.push(performance.now() - begin);
  }
  report({
    name: 'service.load',
    ...summary(times),
    unit: 'ms',
    target: { of: 'value', bound: 'at most', limit: 10_000 },
    note: `${services} services of two endpoints into empty maps, from the start of the process`,
  });
}

export async function agentMemory(node: ServiceNode, report: Report, services: number): Promise<void> {
  await sleep(SETTLE_MS);
  const pid = await node.cluster.agentPid();
  const megabytes: number[] = [];
  for (let sample = 0; sample < 3; sample += 1) {
    megabytes.push(processUsage(pid).rssBytes / 1e6);
    await sleep(1000);
  }
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  report({
    name: `agent.rss@${services}`,
    ...summary(megabytes, 1),
    unit: 'MB',
    target: { of: 'value', bound: 'at most', limit: 300 },
    note: `${services} services of two endpoints, idle; at most ${(peak / 1e6).toFixed(0)} MB until then`,
  });
}
