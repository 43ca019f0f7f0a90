import { setTimeout as sleep } from 'node:timers/promises';
import { ipcacheMap, MapSet } from '../../../src/datapath/index.ts';
import { CLUSTER_RANGE } from '../../../src/identity/reserved.ts';
import { Prefix, parseAddr } from '../../../src/net/index.ts';
import { BenchCluster, monotonicMs, NODE, processUsage } from '../cluster/bench-cluster.ts';
import { namespaceOf, POLICIES, policyManifest, TENANTS } from '../large-cluster.ts';
import type { Family, Report } from '../row.ts';
import { summary } from '../stats.ts';
import {
  createRemotePods,
  endpointOf,
  endpointsOf,
  nodeName,
  podAddr,
  RemoteIdentities,
  remoteWorkload,
} from './remote-objects.ts';

const PODS = 50_000;
const NUMBERS = 5_000;
const LOCAL_PODS = 10;
const CHANGES = 300;
/** What a start leaves is collected some ten seconds later. */
const SETTLE_MS = 20_000;
const IDLE_MS = 30_000;
/** As many as five a second are in ten minutes. */
const CHURN = 3_000;
const CHURN_PODS = 10_000;

/** One node of a large cluster: what it costs to know where all the others' pods are. */
export const remote: Family = {
  name: 'remote50k',
  rows: ['remote50k.start', 'remote50k.rss', 'remote50k.cpu', 'remote50k.change', 'churn.rss'],
  run: async (report, wanted) => {
    if (['start', 'rss', 'cpu', 'change'].some((row) => wanted(`remote50k.${row}`))) {
      await using bench = await BenchCluster.up();
      const { numbers } = await fill(bench, PODS);
      await start(bench, report);
      await idle(bench, report);
      await change(bench, report, numbers);
    }
    if (wanted('churn.rss')) {
      await using bench = await BenchCluster.up();
      const filled = await fill(bench, CHURN_PODS);
      await ready(bench, CHURN_PODS);
      await churn(bench, report, filled);
    }
  },
};

const isClusterId = (id: number | undefined): boolean =>
  id !== undefined && id >= CLUSTER_RANGE.first && id <= CLUSTER_RANGE.last;

type Filled = { readonly numbers: readonly number[]; readonly identities: RemoteIdentities };

/** While the agent is away. */
async function fill(bench: BenchCluster, pods: number): Promise<Filled> {
  await bench.addPods(Array.from({ length: LOCAL_PODS }, (_, index) => `pod-${index}`));
  await bench.sandbox.killAgent(NODE);
  for (let tenant = 0; tenant < TENANTS; tenant += 1) {
    bench.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespaceOf(tenant) } });
  }
  for (let index = 0; index < POLICIES; index += 1) bench.create(policyManifest(index));
  const identities = new RemoteIdentities(bench.sandbox.store);
  const numbers = Array.from({ length: NUMBERS }, (_, index) => identities.create(remoteWorkload(index)));
  await createRemotePods(bench.sandbox.store, pods, numbers);
  return { numbers, identities };
}

/** Starts the agent; resolves when all that there is to know is in the kernel and its own pods are served. */
async function ready(bench: BenchCluster, pods: number): Promise<void> {
  await bench.sandbox.startAgent(NODE);
  const deadline = Date.now() + 120_000;
  const { pinDir } = bench.sandbox.node(NODE);
  for (;;) {
    const status = await bench.api.status().catch(() => undefined);
    if (status?.ready === true && status.counts.endpointsReady > LOCAL_PODS) break;
    if (Date.now() > deadline) throw new Error(`not ready: ${JSON.stringify(status?.counts)}`);
    await sleep(20);
  }
  using maps = new MapSet({ pinDir });
  const last = Prefix.host(parseAddr(podAddr(pods / 20 - 1, 20)));
  const isPod = () => isClusterId(ipcacheMap(maps).get(last)?.identity);
  // What covers it is its node's range before.
  while (!isPod()) {
    if (Date.now() > deadline) throw new Error('the last pod is not known');
    await sleep(5);
  }
}

async function start(bench: BenchCluster, report: Report): Promise<void> {
  const before = performance.now();
  await ready(bench, PODS);
  const seconds = (performance.now() - before) / 1_000;
  const limit = { of: 'value', bound: 'at most', limit: 10 } as const;
  const spread = { n: 1, min: seconds, max: seconds };
  report({ name: 'remote50k.start', value: seconds, unit: 's', ...spread, target: limit, note: SCALE });
}

const SCALE = `${PODS} pods elsewhere, ${NUMBERS} identities, ${POLICIES} policies`;

async function idle(bench: BenchCluster, report: Report): Promise<void> {
  await sleep(SETTLE_MS);
  const pid = await bench.agentPid();
  const before = processUsage(pid);
  const from = performance.now();
  await sleep(IDLE_MS);
  const after = processUsage(pid);
  const percent = ((after.cpuMs - before.cpuMs) / (performance.now() - from)) * 100;
  const megabytes = [before, after].map(({ rssBytes }) => rssBytes / 1e6);
  report({
    name: 'remote50k.rss',
    value: Math.max(...megabytes),
    unit: 'MB',
    n: 2,
    min: Math.min(...megabytes),
    max: Math.max(...megabytes),
    target: { of: 'value', bound: 'at most', limit: 200 },
    note: SCALE,
  });
  report({
    name: 'remote50k.cpu',
    value: percent,
    unit: '%',
    n: 1,
    min: percent,
    max: percent,
    target: { of: 'value', bound: 'at most', limit: 1 },
    note: `idle, over ${IDLE_MS / 1_000} s`,
  });
}

const specOf = (endpoints: ReturnType<typeof endpointsOf>) => ({
  endpoints: endpoints.map(({ own, ...pod }) => ({ ...pod, ...own, addresses: [...(own?.addresses ?? [])] })),
});

/** A pod elsewhere gets another address: from the write to the API to the row in the kernel. */
async function change(bench: BenchCluster, report: Report, numbers: readonly number[]): Promise<void> {
  using maps = new MapSet({ pinDir: bench.sandbox.node(NODE).pinDir });
  const ipcache = ipcacheMap(maps);
  const pid = await bench.agentPid();
  const times: number[] = [];
  const before = processUsage(pid);
  for (let round = 0; round < CHANGES; round += 1) {
    await sleep(20 + ((round * 7) % 30));
    const host = 100 + (round & 1);
    const endpoints = [...endpointsOf(round, 1, numbers), endpointOf(round, host, numbers[round] ?? 256)];
    const row = Prefix.host(parseAddr(podAddr(round, host)));
    const from = monotonicMs();
    await bench.sandbox.patch(
      { resource: 'nodeendpointslices', name: `${nodeName(round)}.1` },
      { spec: specOf(endpoints) },
    );
    while (!isClusterId(ipcache.get(row)?.identity)) {
      if (monotonicMs() - from > 10_000) throw new Error(`${row.toString()} is not known`);
      await sleep(1);
    }
    times.push(monotonicMs() - from);
  }
  const cpu = (processUsage(pid).cpuMs - before.cpuMs) / CHANGES;
  report({
    name: 'remote50k.change',
    ...summary(times, 0.99),
    unit: 'ms',
    target: { of: 'value', bound: 'at most', limit: 100 },
    note: `p99; p50 ${summary(times).value.toFixed(1)}; ${SCALE}`,
  });
  report({
    name: 'remote50k.change.cpu',
    value: cpu,
    unit: 'ms',
    n: CHANGES,
    min: cpu,
    max: cpu,
    target: { of: 'value', bound: 'at most', limit: 1 },
    note: 'of the agent, each, what it does anyway included',
  });
}

/** Pods elsewhere come and go, each with an identity of its own. */
async function churn(bench: BenchCluster, report: Report, { numbers, identities }: Filled): Promise<void> {
  await sleep(SETTLE_MS);
  const pid = await bench.agentPid();
  const known = async () => (await bench.api.status()).counts.identities;
  const [first, before] = [processUsage(pid).rssBytes / 1e6, await known()];
  for (let round = 0; round < CHURN; round += 1) {
    const node = round % (CHURN_PODS / 20);
    const own = identities.create({ ...remoteWorkload(0), serviceAccount: `churn-${round}` });
    const tell = async (endpoints: ReturnType<typeof endpointsOf>) =>
      await bench.sandbox.patch(
        { resource: 'nodeendpointslices', name: `${nodeName(node)}.1` },
        { spec: specOf(endpoints) },
      );
    await tell([...endpointsOf(node, 1, numbers), endpointOf(node, 100, own)]);
    await sleep(10);
    await tell(endpointsOf(node, 1, numbers));
    identities.delete(own);
    await sleep(5);
  }
  await sleep(SETTLE_MS);
  const [last, after] = [processUsage(pid).rssBytes / 1e6, await known()];
  if (after !== before) throw new Error(`${after} identities are known, ${before} were before`);
  const growth = last - first;
  report({
    name: 'churn.rss',
    value: growth,
    unit: 'MB',
    n: CHURN,
    min: first,
    max: last,
    target: { of: 'value', bound: 'at most', limit: 20 },
    note: `growth over ${CHURN} pods that come and go, as five a second do in ten minutes, beside ${CHURN_PODS} elsewhere; spread: before and after`,
  });
}
