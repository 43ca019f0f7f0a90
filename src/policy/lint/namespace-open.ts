import { selectsPod } from '../ask/index.ts';
import type { LintRule } from './finding.ts';

/** Pods of which no policy speaks may be reached by everybody, and reach everybody. */
export const namespaceOpen: LintRule = ({ policies, pods, namespaces, settings }) => {
  if (settings.enforcement === 'always') return [];
  const isolating = policies.flatMap(({ entries }) => entries.filter(({ isolates }) => isolates));
  return namespaces.flatMap(({ name: namespace }) => {
    const own = pods.filter(({ workload }) => workload.namespace === namespace);
    if (own.length === 0) return [];
    const isIsolated = own.some(({ workload }) => isolating.some(({ subject }) => selectsPod(subject, workload)));
    if (isIsolated) return [];
    return [
      {
        severity: 'warning' as const,
        object: `Namespace ${namespace}`,
        why: `no policy isolates any of its ${own.length} pods: everybody may reach them`,
        remedy: 'Begin with a NetworkPolicy that selects all of its pods, and allow what they need.',
      },
    ];
  });
};
