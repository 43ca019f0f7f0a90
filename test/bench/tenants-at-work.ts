import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labelMap, type Workload } from '../../src/model/index.ts';
import { BenchCluster, NAMESPACE, PORT, podManifest, processUsage } from './cluster/bench-cluster.ts';
import { changes } from './cluster/propagation.ts';
import { IDENTITIES, policyManifest, TENANTS, workload } from './large-cluster.ts';
import { RemoteIdentities } from './remote/remote-objects.ts';
import type { Family, Report } from './row.ts';
import { interleaved, pairedRatio, summary } from './stats.ts';
import { LoadedPath, NETLOAD } from './wire/load.ts';

const NAMESPACES = 1_000;
const PER_NAMESPACE = IDENTITIES / NAMESPACES;
const PER_TENANT = NAMESPACES / TENANTS;
const PROOFS = 15;
const ROUNDS = 7;
const SECONDS = 2;
const PROCESSORS = { flooder: 0, quiet: 1 };
const CLIENT = 'pod-0';
const LENDER = 'lender';
const QUIET = 'quiet';
const MIB = 1024 * 1024;
const LIMITS = { connections: 50_000, newConnectionsPerSecond: 2_000 };
const EXPORTS = [{ name: 'server', service: `${LENDER}/server`, to: [NAMESPACE] }];
const IMPORTS = [{ tenant: LENDER, export: 'server' }];

/** Tenants of ten namespaces each, and whoever is measured. */
export const tenantsAtWork: Family = {
  name: 'tenants',
  rows: ['neighbour.crr', 'verify.time', 'verify.rss', 'export.withdraw'],
  run: async (report, wanted) => {
    await using cluster = await BenchCluster.up();
    await cluster.addPods([CLIENT]);
    for (const name of [QUIET, LENDER]) cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    cluster.create(tenant(QUIET, { names: [QUIET] }));
    cluster.create(tenant(LENDER, { names: [LENDER] }, { exports: EXPORTS }));
    cluster.create(tenant(NAMESPACE, { names: [NAMESPACE] }, { limits: LIMITS, imports: IMPORTS }));
    if (wanted('neighbour.crr')) await neighbour(cluster, report);
    if (!wanted('verify.time') && !wanted('verify.rss') && !wanted('export.withdraw')) return;
    await populate(cluster);
    if (wanted('verify.time') || wanted('verify.rss')) await verify(cluster, report);
    if (wanted('export.withdraw')) await withdraw(cluster, report);
  },
};

const tenant = (name: string, namespaces: object, more: object = {}) => ({
  apiVersion: 'membrane.io/v1alpha1',
  kind: 'Tenant',
  metadata: { name },
  spec: { namespaces, ...more },
});

const namespaceOf = (index: number): string => `tenant-${Math.floor(index / PER_TENANT)}-${index % PER_TENANT}`;

function inTenant(index: number): Workload {
  const namespace = namespaceOf(Math.floor(index / PER_NAMESPACE));
  const namespaceLabels = labelMap({ 'kubernetes.io/metadata.name': namespace });
  return { ...workload(index), namespace, namespaceLabels };
}

async function populate(cluster: BenchCluster): Promise<void> {
  for (let index = 0; index < NAMESPACES; index += 1) {
    const namespace = namespaceOf(index);
    cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const policy = policyManifest(index);
    cluster.create({ ...policy, metadata: { ...policy.metadata, namespace } });
    if (index % 100 === 0) await sleep(0);
  }
  const identities = new RemoteIdentities(cluster.sandbox.store);
  for (let index = 0; index < IDENTITIES; index += 1) identities.create(inTenant(index));
  for (let index = 0; index < TENANTS; index += 1) {
    cluster.create(tenant(`tenant-${index}`, { prefix: `tenant-${index}-` }));
  }
  await until(cluster, async () => {
    const { counts } = await cluster.api.status();
    const tenants = await cluster.api.tenants();
    return counts.policies > NAMESPACES && counts.identities > IDENTITIES && tenants.length >= TENANTS;
  });
}

async function until(cluster: BenchCluster, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await holds())) {
    if (Date.now() > deadline)
      throw new Error(`the agent knows ${JSON.stringify((await cluster.api.status()).counts)} only`);
    await sleep(200);
  }
}

/** The most that was resident since it was asked before, bytes. */
function peakBytes(pid: number): number {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return Number(peak) * 1024;
}

/** Asked of the agent as a user does. It proves each minute besides, so that its heap has room for one. */
async function verify(cluster: BenchCluster, report: Report): Promise<void> {
  const pid = await cluster.agentPid();
  const times: number[] = [];
  const growth: number[] = [];
  for (let round = 0; round < PROOFS; round += 1) {
    const { rssBytes } = processUsage(pid);
    // The peak begins anew.
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    const { good, tookMs, counts } = await cluster.api.verify({});
    if (!good || counts.tenants < TENANTS) throw new Error(`what was proved: ${JSON.stringify(counts)}, good: ${good}`);
    times.push(tookMs);
    growth.push((peakBytes(pid) - rssBytes) / MIB);
    await sleep(200);
  }
  const of = `${NAMESPACES} namespaces, ${TENANTS} tenants, ${IDENTITIES} identities, ${NAMESPACES} policies`;
  report({
    name: 'verify.time',
    ...summary(times),
    unit: 'ms',
    target: { of: 'value', bound: 'at most', limit: 1_000 },
    note: `${of}; of ${(await cluster.api.status()).counts.endpoints} pods of the node`,
  });
  report({
    name: 'verify.rss',
    ...summary(growth, 1),
    unit: 'MiB',
    target: { of: 'value', bound: 'at most', limit: 50 },
    note: 'the most of all rounds: peak of the agent while it proves, over what was resident just before',
  });
}

/** What one tenant exports to another begins and ends. */
async function withdraw(cluster: BenchCluster, report: Report): Promise<void> {
  const command = [NETLOAD, 'echo', '0.0.0.0', String(PORT)];
  cluster.create(podManifest('server', { role: 'lent' }, { namespace: LENDER, command }));
  cluster.create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'server', namespace: LENDER },
    spec: { clusterIP: 'None', selector: { role: 'lent' }, ports: [{ protocol: 'UDP', port: PORT }] },
  });
  await cluster.sandbox.waitReady({ pods: [`${LENDER}/server`], timeoutMs: 60_000 });
  const key = { resource: 'tenants', name: LENDER };
  const change = (allowed: boolean) => cluster.sandbox.patch(key, { spec: { exports: allowed ? EXPORTS : [] } });
  const { allowed, denied } = await changes(cluster, CLIENT, change, await cluster.addressOf('server', LENDER));
  const begins = `${summary(allowed).value.toFixed(1)} / ${summary(allowed, 0.99).value.toFixed(1)}`;
  report({
    name: 'export.withdraw',
    ...summary(denied, 0.99),
    unit: 'ms',
    target: { of: 'value', bound: 'at most', limit: 100 },
    note: `p99, write to the API to the first packet that is not answered, ${TENANTS} tenants; p50 ${summary(denied).value.toFixed(1)}; to export, p50 / p99: ${begins}`,
  });
}

/**
 * Connections of a quiet tenant while a process of another opens as many as it can, over those with nobody beside.
 *
 * Each tenant has its share of the processors: the quiet one's two processes are held to one of them, the other's to another. Where
 * processors share what computes, anybody who is busy on one slows the other all the same: what of it is that, the second row
 * says, whose baseline has the same process there, sending within its own pod.
 */
async function neighbour(cluster: BenchCluster, report: Report): Promise<void> {
  for (const name of ['client', 'server']) cluster.create(podManifest(name, { role: name }, { namespace: QUIET }));
  await cluster.sandbox.waitReady({ pods: [`${QUIET}/client`, `${QUIET}/server`], timeoutMs: 60_000 });
  await until(cluster, async () => (await cluster.api.tenants()).some(({ name }) => name === NAMESPACE));
  const [client = '', server = ''] = [
    await cluster.netnsOf('client', QUIET),
    await cluster.netnsOf('server', QUIET),
  ].map((path) => basename(path));
  const flooder = await cluster.netnsOf(CLIENT);
  await using path = await LoadedPath.on({
    client,
    server,
    serverAddr: await cluster.addressOf('server', QUIET),
    processor: PROCESSORS.quiet,
    close: async () => undefined,
  });
  const rates: number[] = [];
  const crr = async () => await path.measure('crr', SECONDS);
  const beside = async (to: string): Promise<number> => {
    using other = cluster.spawnOn(PROCESSORS.flooder, flooder, 'opens', String(SECONDS + 1), to, String(PORT));
    await sleep(500);
    const found = await crr();
    const rate = Number(await other.line());
    if (to === cluster.server) rates.push(rate);
    return found;
  };
  const results = await interleaved(ROUNDS, {
    alone: crr,
    busy: async () => await beside('127.0.0.1'),
    flood: async () => await beside(cluster.server),
  });
  const measured = { ...summary(results.flood), unit: 'connections/s' };
  report({
    name: 'neighbour.crr',
    ...measured,
    baseline: 'connections/s, nobody beside',
    baselineValue: summary(results.alone).value,
    ratio: pairedRatio(results.flood, results.alone),
    target: { of: 'ratio', bound: 'at least', limit: 0.8 },
    note: `beside ${Math.round(summary(rates).value)} openings a second of another tenant, which may ${LIMITS.newConnectionsPerSecond}; each tenant on a processor of its own`,
  });
  report({
    name: 'neighbour.crr.busy',
    ...measured,
    baseline: 'connections/s, beside one as busy within its own pod',
    baselineValue: summary(results.busy).value,
    ratio: pairedRatio(results.flood, results.busy),
  });
}
