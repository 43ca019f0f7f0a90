import { type Node, nodeIsReady, type Pod, type Toleration } from '../client/index.ts';

/** Why a node does not take a pod, worded as the real scheduler does. */
export type Misfit =
  | 'node(s) were not ready'
  | 'node(s) were unschedulable'
  | "node(s) didn't match Pod's node affinity/selector"
  | 'node(s) had untolerated taint'
  | "node(s) didn't match the requested node name"
  | "node(s) didn't have free ports for the requested pod ports"
  | 'Too many pods';

/** A node's pods as far as they leave no room for others. */
export type NodeLoad = { readonly pods: number; readonly hostPorts: readonly HostPortClaim[] };

export type HostPortClaim = { readonly hostIP: string; readonly hostPort: number; readonly protocol: string };

export const NO_LOAD: NodeLoad = { pods: 0, hostPorts: [] };

export type Placement =
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'none'; readonly message: string };

type Taint = Node['spec']['taints'][number];

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((t) => {
    if (t.effect !== undefined && t.effect !== '' && t.effect !== taint.effect) return false;
    if (t.key === undefined || t.key === '') return t.operator === 'Exists';
    if (t.key !== taint.key) return false;
    return t.operator === 'Exists' || (t.value ?? '') === taint.value;
  });
}

const EVERYWHERE = new Set(['', '0.0.0.0', '::']);

/** In the host network every port of a container is the node's. */
export function hostPortsOf({ spec }: Pod): HostPortClaim[] {
  return spec.containers.flatMap(({ ports }) =>
    ports.flatMap(({ hostIP, hostPort, containerPort, protocol }) => {
      const number = hostPort !== 0 ? hostPort : spec.hostNetwork ? containerPort : 0;
      return number === 0 ? [] : [{ hostIP, hostPort: number, protocol }];
    }),
  );
}

function conflict(a: HostPortClaim, b: HostPortClaim): boolean {
  if (a.hostPort !== b.hostPort || a.protocol !== b.protocol) return false;
  return a.hostIP === b.hostIP || EVERYWHERE.has(a.hostIP) || EVERYWHERE.has(b.hostIP);
}

/** What a node that is cordoned off counts as. */
const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' };

/** By its labels and its name; preferences do not count. */
export function wantsNode({ spec }: Pick<Pod, 'spec'>, { metadata: { name, labels } }: Node): boolean {
  if (Object.entries(spec.nodeSelector).some(([key, value]) => labels[key] !== value)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  return required.nodeSelectorTerms.some(({ matchExpressions, matchFields }) => {
    const isEmpty = matchExpressions.length === 0 && matchFields.length === 0;
    const holds = matchExpressions.every((requirement) => holdsFor(requirement, labels[requirement.key]));
    const isNamed = matchFields.every(
      (requirement) => requirement.key === 'metadata.name' && holdsFor(requirement, name),
    );
    return !isEmpty && holds && isNamed;
  });
}

function holdsFor(
  { operator, values }: { readonly operator: string; readonly values: readonly string[] },
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return Number(value) > Number(values[0]);
    case 'Lt':
      return Number(value) < Number(values[0]);
    default:
      return false;
  }
}

export function misfit(pod: Pod, node: Node, load: NodeLoad): Misfit | undefined {
  if (!nodeIsReady(node)) return 'node(s) were not ready';
  if (node.spec.unschedulable && !tolerates(pod.spec.tolerations, UNSCHEDULABLE)) return 'node(s) were unschedulable';
  if (!wantsNode(pod, node)) return "node(s) didn't match Pod's node affinity/selector";
  const hard = node.spec.taints.filter((taint) => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute');
  if (hard.some((taint) => !tolerates(pod.spec.tolerations, taint))) return 'node(s) had untolerated taint';
  if (hostPortsOf(pod).some((wanted) => load.hostPorts.some((taken) => conflict(wanted, taken)))) {
    return "node(s) didn't have free ports for the requested pod ports";
  }
  const room = Number(node.status.allocatable['pods'] ?? Number.POSITIVE_INFINITY);
  return load.pods >= room ? 'Too many pods' : undefined;
}

/** The fitting node with the fewest pods; of equals, the first by name. */
export function place(pod: Pod, nodes: readonly Node[], loads: ReadonlyMap<string, NodeLoad>): Placement {
  const reasons = new Map<Misfit, number>();
  let best: { name: string; count: number } | undefined;
  for (const node of nodes.toSorted((a, b) =>
    a.metadata.name.localeCompare(b.metadata.name, 'en', { numeric: true }),
  )) {
    const load = loads.get(node.metadata.name) ?? NO_LOAD;
    const reason = misfit(pod, node, load);
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    else if (best === undefined || load.pods < best.count) best = { name: node.metadata.name, count: load.pods };
  }
  if (best !== undefined) return { kind: 'node', name: best.name };
  const listed = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return { kind: 'none', message: `0/${nodes.length} nodes are available${listed === '' ? '' : `: ${listed}`}.` };
}
