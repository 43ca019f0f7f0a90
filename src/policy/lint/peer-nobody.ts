import { formatSelector, type PodSelector, policyKey, selectorMatches } from '../../model/index.ts';
import { selectsPod } from '../ask/index.ts';
import { peerField } from './fields.ts';
import type { LintedPod, LintRule } from './finding.ts';

/** A peer without a pod admits nobody, or will admit whoever is the first to have such a label. */
export const peerNobody: LintRule = ({ policies, pods }) =>
  policies.flatMap(({ policy, entries }) =>
    entries.flatMap((entry) =>
      entry.peers === 'any'
        ? []
        : entry.peers.flatMap((peer, index) => {
            if (peer.kind !== 'pods' || pods.some(({ workload }) => selectsPod(peer, workload))) return [];
            return [
              {
                severity: 'warning' as const,
                object: policyKey(policy),
                field: peerField(entry, index),
                why: whyNobody(peer, pods),
                remedy:
                  'Compare the selector with the labels of namespaces and pods (kubectl get ns,pods -A --show-labels).',
              },
            ];
          }),
    ),
  );

function whyNobody({ namespace, pods: selector }: PodSelector, pods: readonly LintedPod[]): string {
  const within = pods.filter(
    ({ workload }) =>
      (namespace.name === undefined || namespace.name === workload.namespace) &&
      (namespace.selector === undefined || selectorMatches(namespace.selector, workload.namespaceLabels)),
  );
  const where =
    namespace.selector !== undefined
      ? `namespaces with ${formatSelector(namespace.selector)}`
      : `namespace ${namespace.name ?? 'any'}`;
  return within.length === 0
    ? `no pod is in ${where}`
    : `no pod in ${where} has ${formatSelector(selector)}; ${within.length} have other labels`;
}
