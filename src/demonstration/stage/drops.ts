import type { EndpointView } from '../../api/index.ts';
import type { NodePlace } from '../../sandbox/index.ts';
import type { Actor, Stage } from './stage.ts';

/** Packets by drop reason, of one endpoint, both directions. */
export type DropCounts = Readonly<Record<string, number>>;

export function dropCountsOf(endpoint: EndpointView | undefined): DropCounts {
  const counts: Record<string, number> = {};
  for (const { reason, packets } of endpoint?.counters?.drops ?? []) counts[reason] = (counts[reason] ?? 0) + packets;
  return counts;
}

export async function dropCounts(stage: Stage, actor: Pick<Actor, 'namespace' | 'name'>): Promise<DropCounts> {
  return dropCountsOf(await stage.endpoint(actor.namespace, actor.name));
}

/** At a node's own devices. */
export async function nodeDropCounts(stage: Stage, node: NodePlace = stage.node): Promise<DropCounts> {
  const nodes = await stage.nodes.api(node).nodes();
  const counts: Record<string, number> = {};
  for (const { reason, packets } of nodes.find(({ local }) => local)?.drops ?? []) {
    counts[reason] = (counts[reason] ?? 0) + packets;
  }
  return counts;
}

/** What was added, reasons that did not move left out. */
export function dropsSince(before: DropCounts, after: DropCounts): DropCounts {
  const added = Object.entries(after).map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const);
  return Object.fromEntries(added.filter(([, count]) => count !== 0));
}

export function sumDrops(...all: readonly DropCounts[]): DropCounts {
  const sum: Record<string, number> = {};
  for (const counts of all) for (const [reason, n] of Object.entries(counts)) sum[reason] = (sum[reason] ?? 0) + n;
  return sum;
}

export function totalDrops(counts: DropCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** `spoofed-ip 25, vlan 3`, largest first. */
export function dropsText(counts: DropCounts): string {
  const rows = Object.entries(counts).toSorted((a, b) => b[1] - a[1]);
  return rows.map(([reason, count]) => `${reason} ${count.toLocaleString('en-US')}`).join(', ');
}
