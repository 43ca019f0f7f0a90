import type { Finding } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import type { PodRow } from '../../model/index.ts';
import { fine, some } from './finding.ts';

/** Who of this node's pods may do what a device cannot take away. */
export function judgePods(pods: readonly PodRow[]): Finding[] {
  const alive = pods.filter(({ phase }) => phase !== 'Succeeded' && phase !== 'Failed');
  const named = (has: (pod: PodRow) => boolean): string[] => alive.filter(has).map(namespacedName).toSorted();
  const rule = (rest: Omit<Finding, 'evidence'>, names: readonly string[], why: string): Finding =>
    names.length === 0
      ? fine(rest.check, 'no pod of this node')
      : { ...rest, evidence: `${names.length} of ${alive.length} pods ${why}: ${some(names)}` };
  return [
    rule(
      {
        severity: 'warning',
        check: 'privileged',
        remedy:
          'Set securityContext.privileged to false, and keep tenants from it with the Pod Security level baseline.',
      },
      named(({ privileged }) => privileged),
      'may change the node, and Membrane with it',
    ),
    rule(
      {
        severity: 'warning',
        check: 'host network',
        remedy: 'Set hostNetwork to false: such a pod is the node for every policy, and reaches its loopback.',
      },
      named(({ hostNetwork }) => hostNetwork),
      'have no device of their own',
    ),
    rule(
      {
        severity: 'info',
        check: 'CAP_NET_RAW',
        remedy: 'Drop it (securityContext.capabilities.drop: ["ALL"]): runtimes give it to whoever does not.',
      },
      named(({ netRaw }) => netRaw),
      'may write packets by hand, which only their devices check',
    ),
  ];
}
