import { type PolicyEntry, policyKey } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import { selectsPod } from '../ask/index.ts';
import type { LintRule } from './finding.ts';

const DNS = 53;

/** The first egress policy of a pod takes names away from it: everything else then fails by a time-out of the resolver. */
export const egressWithoutDns: LintRule = ({ policies, pods }) => {
  const all = policies.flatMap(({ entries }) => entries.filter(({ direction }) => direction === 'egress'));
  return policies.flatMap(({ policy, entries }) => {
    const isolating = entries.find((entry) => entry.direction === 'egress' && entry.isolates);
    if (isolating === undefined) return [];
    const mute = pods.filter(({ workload }) => {
      if (!selectsPod(isolating.subject, workload)) return false;
      return !all.some((entry) => selectsPod(entry.subject, workload) && allowsDns(entry));
    });
    const [first] = mute;
    if (first === undefined) return [];
    const saysMore = entries.some((entry) => entry.direction === 'egress' && mayAllow(entry));
    return [
      {
        severity: saysMore ? ('warning' as const) : ('info' as const),
        object: policyKey(policy),
        field: 'spec.egress',
        why: `isolates ${mute.length === 1 ? first.pod : `${first.pod} and ${mute.length - 1} more pods`} for egress, and no rule of any policy lets it ask for a name (UDP ${DNS})`,
        remedy: 'Allow UDP and TCP 53 to the pods of the cluster DNS (kube-system, k8s-app=kube-dns).',
      },
    ];
  });
};

function mayAllow({ verdict, peers, ports }: PolicyEntry): boolean {
  return verdict === 'allow' && (peers === 'any' || peers.length > 0) && (ports === 'any' || ports.length > 0);
}

/** Whom it is allowed to ask is not judged: which server answers is the cluster's affair. A port's name may be this one. */
function allowsDns(entry: PolicyEntry): boolean {
  if (!mayAllow(entry)) return false;
  if (entry.ports === 'any') return true;
  return entry.ports.some(
    (port) => port.protocol === PROTOCOL_NUMBERS.UDP && ('name' in port || (port.from <= DNS && port.to >= DNS)),
  );
}
