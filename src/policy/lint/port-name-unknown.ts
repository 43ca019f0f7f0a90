import { type PolicyEntry, policyKey } from '../../model/index.ts';
import { protocolName } from '../../net/index.ts';
import { selectsPod } from '../ask/index.ts';
import { portField } from './fields.ts';
import type { LintedPod, LintRule } from './finding.ts';

/** A port's name is looked up at the pod that is connected to: without one of that name the rule opens no port. */
export const portNameUnknown: LintRule = ({ policies, pods }) =>
  policies.flatMap(({ policy, entries }) =>
    entries.flatMap((entry) => {
      if (entry.ports === 'any') return [];
      const destinations = destinationsOf(entry, pods);
      return entry.ports.flatMap((port, index) => {
        if (!('name' in port) || destinations.length === 0) return [];
        const protocol = protocolName(port.protocol);
        const isNamed = destinations.some(({ workload }) =>
          workload.namedPorts.some((named) => named.name === port.name && named.protocol === protocol),
        );
        if (isNamed) return [];
        const who = entry.direction === 'ingress' ? 'the policy selects' : 'the rule admits';
        return [
          {
            severity: 'warning' as const,
            object: policyKey(policy),
            field: portField(entry, index),
            why: `none of the ${destinations.length} pods that ${who} has a ${protocol} port named "${port.name}"`,
            remedy: 'Write the number, or name the container port so (spec.containers[].ports[].name of the pods).',
          },
        ];
      });
    }),
  );

/** Where nobody is, another rule speaks. */
function destinationsOf({ direction, subject, peers }: PolicyEntry, pods: readonly LintedPod[]): LintedPod[] {
  return pods.filter(({ workload }) =>
    direction === 'ingress'
      ? selectsPod(subject, workload)
      : peers === 'any' || peers.some((peer) => peer.kind === 'pods' && selectsPod(peer, workload)),
  );
}
