import { basename } from 'node:path';
import { type BenchCluster, NAMESPACE, podManifest } from '../cluster/bench-cluster.ts';
import type { Report, Row } from '../row.ts';
import { interleaved, pairedRatio, summary } from '../stats.ts';
import { LOADS, type Load, LoadedPath } from '../wire/load.ts';
import { VxlanNodes } from './vxlan-nodes.ts';

const ROUNDS = 25;
const SECONDS = 0.25;
const AT_LEAST: Readonly<Record<Load, number>> = { stream: 0.97, rr: 0.97, crr: 0.95 };
const TARGET = 'load';

const UNITS: Readonly<Record<Load, { readonly unit: string; readonly of: (value: number) => number }>> = {
  stream: { unit: 'Gbit/s', of: (bytes) => (bytes * 8) / 1e9 },
  rr: { unit: '/s', of: (value) => value },
  crr: { unit: '/s', of: (value) => value },
};

/** Lets clients reach the pod that serves loads. */
const POLICY = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: TARGET, namespace: NAMESPACE },
  spec: {
    podSelector: { matchLabels: { role: TARGET } },
    policyTypes: ['Ingress'],
    ingress: [{ from: [{ podSelector: { matchLabels: { role: 'client' } } }] }],
  },
};

async function ourPath(bench: BenchCluster, client: string, node: string): Promise<LoadedPath> {
  bench.create(POLICY);
  bench.create(podManifest(TARGET, { role: TARGET }, { node }));
  await bench.sandbox.waitReady({ pods: [`${NAMESPACE}/${TARGET}`] });
  const [from, to] = [await bench.netnsOf(client), await bench.netnsOf(TARGET)].map((path) => basename(path));
  const serverAddr = await bench.addressOf(TARGET);
  return await LoadedPath.on({ client: from ?? '', server: to ?? '', serverAddr, close: async () => undefined });
}

/** Pod to pod between two nodes, beside a plain VXLAN device and beside the network below. */
export async function betweenNodes(
  bench: BenchCluster,
  report: Report,
  options: { readonly client: string; readonly node: string; readonly wanted: (row: string) => boolean },
): Promise<void> {
  const loads = LOADS.filter((load) => options.wanted(`nodes.${load}`));
  if (loads.length === 0) return;
  await using ours = await ourPath(bench, options.client, options.node);
  const { nodes, tunnel, underlay } = await VxlanNodes.up();
  await using _ = nodes;
  for (const load of loads) {
    const { unit, of } = UNITS[load];
    const measure = (path: LoadedPath) => async () => of(await path.measure(load, SECONDS));
    const paths = { ours: measure(ours), tunnel: measure(tunnel), underlay: measure(underlay) };
    for (const warmUp of Object.values(paths)) await warmUp();
    const results = await interleaved(ROUNDS, paths);
    const row = (name: string, baseline: number[], what: string): Row => ({
      name,
      ...summary(results.ours),
      unit,
      baseline: `${unit}, ${what}`,
      baselineValue: summary(baseline).value,
      ratio: pairedRatio(results.ours, baseline),
    });
    report({
      ...row(`nodes.${load}`, results.tunnel, 'plain VXLAN and bridge'),
      target: { of: 'ratio', bound: 'at least', limit: AT_LEAST[load] },
    });
    report(row(`nodes.${load}.underlay`, results.underlay, 'bare underlay'));
  }
}
