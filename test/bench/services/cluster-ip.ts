import type { Report, Row } from '../row.ts';
import { interleaved, pairedRatio, summary } from '../stats.ts';
import { LOADS, type Load } from '../wire/load.ts';
import type { Client, Destination } from './client.ts';
import { kubeProxyRules, proxiedAddr, proxiedServices } from './kube-proxy-rules.ts';
import { POD, POD_CIDR, RoutedNode } from './routed-node.ts';
import { type ServiceNode, TCP_PORT } from './service-node.ts';

export const COUNTS = [1, 1000, 10_000, 30_000] as const;
const AT_LEAST: Readonly<Record<Load, number>> = { crr: 0.95, rr: 0.98, stream: 0.98 };
const UNITS: Readonly<Record<Load, { readonly unit: string; readonly factor: number }>> = {
  crr: { unit: '/s', factor: 1 },
  rr: { unit: '/s', factor: 1 },
  stream: { unit: 'Gbit/s', factor: 8e-9 },
};
/** Many short runs: what disturbs one hits few of them. */
const PLAN: Readonly<Record<Load, { readonly rounds: number; readonly seconds: number }>> = {
  crr: { rounds: 13, seconds: 0.2 },
  rr: { rounds: 21, seconds: 0.15 },
  stream: { rounds: 21, seconds: 0.15 },
};

export const CLUSTER_IP_ROWS: readonly string[] = [
  ...COUNTS.flatMap((count) => LOADS.map((load) => `service.${load}@${count}`)),
  'service.iptables.crr@',
];

type Place = { readonly name: string; readonly index: number; readonly port: number };

/**
 * Places in the chain whose services are measured. Each has a server of its own: to one server, a client's timestamps
 * would jump with the address that it connects to, and connections from a port that was used lately be refused.
 */
function placesOf(count: number): readonly Place[] {
  const first = { name: 'first', index: 0, port: TCP_PORT + 1 };
  if (count === 1) return [first];
  return [
    first,
    { name: 'middle', index: count >> 1, port: TCP_PORT + 2 },
    { name: 'last', index: count - 1, port: TCP_PORT + 3 },
  ];
}

/** A service's cluster address at a number of services, beside the direct way and beside iptables. */
export async function clusterIp(
  node: ServiceNode,
  count: number,
  report: Report,
  wanted: (row: string) => boolean,
): Promise<void> {
  const loads = LOADS.filter((load) => wanted(`service.${load}@${count}`));
  const beside = wanted(`service.iptables.crr@${count}`);
  if (loads.length === 0 && !beside) return;
  await node.fill(count);
  await using bare = await RoutedNode.up('bare', [DIRECT]);
  for (const load of loads.filter((load) => load !== 'crr')) await ours({ node, bare, count, load, report });
  if (!loads.includes('crr') && !beside) return;
  const places = placesOf(count);
  const endpoints = new Map(places.map(({ index, port }) => [index, `${POD}:${port}`]));
  const rules = kubeProxyRules(proxiedServices(count, endpoints), POD_CIDR);
  const servers = places.map(({ port }) => ({ kind: 'server', port }) as const);
  // Anew for each count: its connection tracking is empty.
  await using ruled = await RoutedNode.up('ipt', [DIRECT, ...servers], rules);
  await withRules({ node, bare, ruled, count, places, report });
}

type Scene = { readonly node: ServiceNode; readonly bare: RoutedNode; readonly count: number; readonly report: Report };

const DIRECT = { kind: 'server', port: TCP_PORT } as const;
const POD_PLACE: Destination = { addr: POD, port: TCP_PORT };

function measurement(client: Client, load: Load, to: Destination): () => Promise<number> {
  return async () => (await client(load, PLAN[load].seconds, to)) * UNITS[load].factor;
}

function ourWays({ node, bare }: Scene, load: Load) {
  return {
    ours: measurement(node.client, load, node.service),
    own: measurement(node.client, load, node.direct),
    bare: measurement(bare.client, load, POD_PLACE),
  };
}

async function compared<Name extends string>(
  load: Load,
  ways: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  for (const warmUp of Object.values<() => Promise<number>>(ways)) await warmUp();
  return await interleaved(PLAN[load].rounds, ways);
}

function rowOf(name: string, load: Load, values: readonly number[], baseline: readonly number[], what: string): Row {
  const { unit } = UNITS[load];
  return {
    name,
    ...summary(values),
    unit,
    baseline: `${unit}, ${what}`,
    baselineValue: summary(baseline).value,
    ratio: pairedRatio(values, baseline),
  };
}

function reportOurs(
  { count, report }: Scene,
  load: Load,
  results: Readonly<Record<'ours' | 'own' | 'bare', readonly number[]>>,
): void {
  const target = { of: 'ratio', bound: 'at least', limit: AT_LEAST[load] } as const;
  const { ours, own, bare } = results;
  report({ ...rowOf(`service.${load}@${count}`, load, ours, bare, 'direct, no rules'), target });
  report({ ...rowOf(`service.${load}@${count}.own`, load, ours, own, 'direct, this node'), target });
}

async function ours(scene: Scene & { readonly load: Load }): Promise<void> {
  const { load } = scene;
  reportOurs(scene, load, await compared(load, ourWays(scene, load)));
}

/** All ways at once, so that iptables has the same baseline. */
async function withRules(
  scene: Scene & { readonly ruled: RoutedNode; readonly places: readonly Place[] },
): Promise<void> {
  const { count, ruled, places, report } = scene;
  const theirs = Object.fromEntries(
    places.map(({ name, index }) => [name, measurement(ruled.client, 'crr', { addr: proxiedAddr(index), port: 80 })]),
  );
  const ways = { ...theirs, ...ourWays(scene, 'crr'), direct: measurement(ruled.client, 'crr', POD_PLACE) };
  const results: Record<string, number[]> = await compared('crr', ways);
  const { ours = [], own = [], bare = [] } = results;
  reportOurs(scene, 'crr', { ours, own, bare });
  for (const name of [...places.map(({ name }) => name), 'direct']) {
    report(rowOf(`service.iptables.crr@${count}.${name}`, 'crr', results[name] ?? [], bare, 'direct, no rules'));
  }
}
