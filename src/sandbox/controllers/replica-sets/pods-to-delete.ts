import { type KubeObject, stringAt, stringMapAt } from '../../apiserver/index.ts';
import { isActive, isReady, nodeOf, readySince, restartsOf } from '../kit/pods.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASES = ['Pending', 'Unknown', 'Running'];

type Ranked = { readonly pod: KubeObject; readonly neighbours: number };

/**
 * Which pods a set that has too many parts with, in the order of the real controller: those that serve least, then those
 * whose node has more of their kind, then the youngest. `related`: all pods of the same workload, for the neighbours.
 */
export function podsToDelete(
  pods: readonly KubeObject[],
  related: readonly KubeObject[],
  count: number,
  now: number,
): KubeObject[] {
  if (count >= pods.length) return [...pods];
  const onNode = new Map<string, number>();
  for (const pod of related) if (isActive(pod)) onNode.set(nodeOf(pod), (onNode.get(nodeOf(pod)) ?? 0) + 1);
  const ranked = pods.map((pod): Ranked => ({ pod, neighbours: onNode.get(nodeOf(pod)) ?? 0 }));
  ranked.sort((a, b) => compare(a, b, now));
  return ranked.slice(0, count).map(({ pod }) => pod);
}

/** Below 0: `a` goes first. */
function compare({ pod: a, neighbours: na }: Ranked, { pod: b, neighbours: nb }: Ranked, now: number): number {
  return (
    Number(nodeOf(a) !== '') - Number(nodeOf(b) !== '') ||
    phaseOf(a) - phaseOf(b) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    costOf(a) - costOf(b) ||
    nb - na ||
    magnitude(readySince(a), now) - magnitude(readySince(b), now) ||
    restartsOf(b) - restartsOf(a) ||
    magnitude(createdAt(a), now) - magnitude(createdAt(b), now) ||
    (a.metadata.uid ?? '').localeCompare(b.metadata.uid ?? '')
  );
}

const phaseOf = (pod: KubeObject): number => PHASES.indexOf(stringAt(pod, 'status', 'phase') ?? 'Unknown');
const createdAt = (pod: KubeObject): number => Date.parse(pod.metadata.creationTimestamp ?? '');

function costOf(pod: KubeObject): number {
  const cost = Number(stringMapAt(pod, 'metadata', 'annotations')[DELETION_COST] ?? 0);
  return Number.isSafeInteger(cost) ? cost : 0;
}

/** How long ago, by powers of two: between pods of about the same age chance decides (KEP-2185). */
function magnitude(since: number | undefined, now: number): number {
  return since === undefined ? 0 : Math.floor(Math.log2(Math.max(1, now - since)));
}
