import { setTimeout as sleep } from 'node:timers/promises';
import { IDENTITIES, namespaceOf, POLICIES, policyManifest, TENANTS, workload } from '../large-cluster.ts';
import { RemoteIdentities } from '../remote/remote-objects.ts';
import type { Report, Row } from '../row.ts';
import { summary } from '../stats.ts';
import {
  type BenchCluster,
  fromNs,
  monotonicMs,
  NAMESPACE,
  type Netload,
  PORT,
  serverPolicy,
} from './bench-cluster.ts';

/** Enough for a 99th percentile to be more than the second worst of an agent that is still cold. */
const CHANGES = 400;

/** Objects of a large cluster, of which this node runs none: what the agent must compute with, not what it must start. */
export async function populateCluster(cluster: BenchCluster): Promise<void> {
  for (let tenant = 0; tenant < TENANTS; tenant += 1) {
    cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespaceOf(tenant) } });
  }
  const identities = new RemoteIdentities(cluster.sandbox.store);
  for (let index = 0; index < IDENTITIES; index += 1) identities.create(workload(index));
  for (let index = 0; index < POLICIES; index += 1) {
    cluster.create(policyManifest(index));
    if (index % 100 === 0) await sleep(0);
  }
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { counts } = await cluster.api.status();
    if (counts.policies > POLICIES && counts.identities > IDENTITIES) return;
    if (Date.now() > deadline) throw new Error(`the agent knows ${JSON.stringify(counts)} only`);
    await sleep(200);
  }
}

/** From a write to the API to the first packet that is judged by it, to and fro. */
export async function changes(
  cluster: BenchCluster,
  client: string,
  change: (allowed: boolean) => Promise<void>,
  server = cluster.server,
): Promise<{ readonly allowed: number[]; readonly denied: number[] }> {
  const times = { allowed: [] as number[], denied: [] as number[] };
  using watcher = cluster.spawn(await cluster.netnsOf(client), 'watch', server, String(PORT));
  await said(watcher, 'up');
  for (let round = 0; round < CHANGES; round += 1) {
    const allowed = round % 2 === 1;
    // Not in step with anything that happens at intervals.
    await sleep(20 + ((round * 7) % 30));
    const start = monotonicMs();
    await change(allowed);
    times[allowed ? 'allowed' : 'denied'].push((await said(watcher, allowed ? 'up' : 'down')) - start);
  }
  return times;
}

async function said(watcher: Netload, what: 'up' | 'down'): Promise<number> {
  const [word, time = ''] = (await watcher.line()).split(' ');
  if (word !== what) throw new Error(`expected the connection to be ${what}, it is ${word}`);
  return fromNs(time);
}

export function propagationRow(
  name: string,
  limit: number,
  times: Awaited<ReturnType<typeof changes>>,
  note: string,
): Row {
  const all = [...times.allowed, ...times.denied];
  const of = (values: readonly number[]) =>
    `${summary(values).value.toFixed(1)} / ${summary(values, 0.99).value.toFixed(1)}`;
  return {
    name,
    ...summary(all, 0.99),
    unit: 'ms',
    target: { of: 'value', bound: 'at most', limit },
    note: `p99${note}; p50 / p99: to allow ${of(times.allowed)}, to deny ${of(times.denied)}`,
  };
}

/** A policy begins and ends to let a client in. */
export async function policyPropagate(cluster: BenchCluster, report: Report, client: string): Promise<void> {
  const key = { resource: 'networkpolicies', namespace: NAMESPACE, name: 'server' };
  const times = await changes(cluster, client, (allowed) =>
    cluster.sandbox.patch(key, { spec: serverPolicy({ role: allowed ? 'client' : 'nobody' }).spec }),
  );
  report(propagationRow('policy.propagate', 100, times, `, ${POLICIES} policies, ${IDENTITIES} identities`));
}

/** The client gets and loses the label that the policy asks for. */
export async function changeTimes(cluster: BenchCluster, client: string): Promise<Awaited<ReturnType<typeof changes>>> {
  const key = { resource: 'pods', namespace: NAMESPACE, name: client };
  return await changes(cluster, client, (allowed) =>
    cluster.sandbox.patch(key, { metadata: { labels: { role: allowed ? 'client' : 'nobody' } } }),
  );
}

export async function labelChange(cluster: BenchCluster, report: Report, client: string): Promise<void> {
  report(propagationRow('label.change', 25, await changeTimes(cluster, client), ''));
}
