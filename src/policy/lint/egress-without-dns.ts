import { type PolicyEntry, type PortSpec, policyKey } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import { selectsPod } from '../ask/index.ts';
import type { LintedPod, LintRule } from './finding.ts';

const DNS = 53;
/** `k8s-app` of what serves it in a cluster. */
const DNS_APPS: ReadonlySet<string> = new Set(['kube-dns', 'coredns', 'node-local-dns']);

/** The first egress policy of a pod takes names away from it: everything else then fails by a time-out of the resolver. */
export const egressWithoutDns: LintRule = ({ policies, pods }) => {
  const all = policies.flatMap(({ entries }) => entries.filter(({ direction }) => direction === 'egress'));
  const servers = pods.filter(({ workload }) => DNS_APPS.has(workload.labels.get('k8s-app') ?? ''));
  const openers = all.filter((entry) => allowsDns(entry, servers));
  return policies.flatMap(({ policy, entries }) => {
    const isolating = entries.find((entry) => entry.direction === 'egress' && entry.isolates);
    if (isolating === undefined) return [];
    const mute = pods.filter(
      ({ workload }) =>
        selectsPod(isolating.subject, workload) && !openers.some(({ subject }) => selectsPod(subject, workload)),
    );
    const [first] = mute;
    if (first === undefined) return [];
    const saysMore = entries.some((entry) => entry.direction === 'egress' && mayAllow(entry));
    const whose = mute.length === 1 ? first.pod : `${first.pod} and ${mute.length - 1} more pods`;
    return [
      {
        severity: saysMore ? ('warning' as const) : ('info' as const),
        object: policyKey(policy),
        field: 'spec.egress',
        why: `isolates ${whose} for egress, and no rule of any policy lets it ask for a name (UDP ${DNS})`,
        remedy: 'Allow UDP and TCP 53 to the pods of the cluster DNS (kube-system, k8s-app=kube-dns).',
      },
    ];
  });
};

function mayAllow({ verdict, peers, ports }: PolicyEntry): boolean {
  return verdict === 'allow' && (peers === 'any' || peers.length > 0) && (ports === 'any' || ports.length > 0);
}

/**
 * A rule about this very port means it, whoever serves it here. One about all ports, or many, lets names be asked for only
 * where its peers may be a server: of pods, those that are known as one.
 */
function allowsDns(entry: PolicyEntry, servers: readonly LintedPod[]): boolean {
  const { ports, peers } = entry;
  if (!mayAllow(entry)) return false;
  if (ports !== 'any' && !ports.some(covers)) return false;
  if (ports !== 'any' && ports.some((port) => covers(port) && isOne(port))) return true;
  if (peers === 'any') return true;
  return peers.some((peer) => peer.kind !== 'pods' || servers.some(({ workload }) => selectsPod(peer, workload)));
}

/** A name may be that of the port. */
function covers(port: PortSpec): boolean {
  if (port.protocol !== PROTOCOL_NUMBERS.UDP) return false;
  return 'name' in port || (port.from <= DNS && port.to >= DNS);
}

function isOne(port: PortSpec): boolean {
  return 'name' in port || port.from === port.to;
}
