import { type Node, nodeIsReady, type Pod, type Toleration } from './pod.ts';

/** Why a node does not take a pod, worded as the real scheduler does. */
export type Misfit =
  | 'node(s) were not ready'
  | 'node(s) were unschedulable'
  | "node(s) didn't match Pod's node affinity/selector"
  | 'node(s) had untolerated taint'
  | "node(s) didn't match the requested node name"
  | 'Too many pods';

export type Placement =
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'none'; readonly message: string };

/** What a /24 holds without its own, its broadcast and one spare address. */
export const MAX_PODS = 253;

type Taint = Node['spec']['taints'][number];

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((t) => {
    if (t.effect !== undefined && t.effect !== '' && t.effect !== taint.effect) return false;
    if (t.key === undefined || t.key === '') return t.operator === 'Exists';
    if (t.key !== taint.key) return false;
    return t.operator === 'Exists' || (t.value ?? '') === taint.value;
  });
}

export function misfit(pod: Pod, node: Node, podsOnNode: number): Misfit | undefined {
  if (!nodeIsReady(node)) return 'node(s) were not ready';
  if (node.spec.unschedulable) return 'node(s) were unschedulable';
  const selector = Object.entries(pod.spec.nodeSelector);
  if (selector.some(([key, value]) => node.metadata.labels[key] !== value)) {
    return "node(s) didn't match Pod's node affinity/selector";
  }
  const hard = node.spec.taints.filter((taint) => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute');
  if (hard.some((taint) => !tolerates(pod.spec.tolerations, taint))) return 'node(s) had untolerated taint';
  return podsOnNode >= MAX_PODS ? 'Too many pods' : undefined;
}

/** The fitting node with the fewest pods; of equals, the first by name. */
export function place(pod: Pod, nodes: readonly Node[], counts: ReadonlyMap<string, number>): Placement {
  const reasons = new Map<Misfit, number>();
  let best: { name: string; count: number } | undefined;
  for (const node of nodes.toSorted((a, b) =>
    a.metadata.name.localeCompare(b.metadata.name, 'en', { numeric: true }),
  )) {
    const count = counts.get(node.metadata.name) ?? 0;
    const reason = misfit(pod, node, count);
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    else if (best === undefined || count < best.count) best = { name: node.metadata.name, count };
  }
  if (best !== undefined) return { kind: 'node', name: best.name };
  const listed = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return { kind: 'none', message: `0/${nodes.length} nodes are available${listed === '' ? '' : `: ${listed}`}.` };
}
