import type { Finding } from '../../api/index.ts';
import type { FilterChain } from '../../datapath/index.ts';
import { fine, some } from './finding.ts';

export type ProxyFacts = {
  readonly chains: readonly FilterChain[];
  /** Virtual servers of IPVS. */
  readonly ipvs: number;
  /** Processes named kube-proxy in the node's network namespace. */
  readonly processes: readonly number[];
};

/** Kubelet makes these for itself, some only when it is old: no service goes through them. */
const OF_KUBELET = new Set([
  'KUBE-FIREWALL',
  'KUBE-KUBELET-CANARY',
  'KUBE-IPTABLES-HINT',
  'KUBE-MARK-DROP',
  'KUBE-MARK-MASQ',
  'KUBE-POSTROUTING',
]);

export function judgeProxy({ chains, ipvs, processes }: ProxyFacts): Finding[] {
  const findings: Finding[] = [];
  const left = chains.filter(isKubeProxys);
  if (left.length > 0) {
    const tables = [...new Set(left.map(({ engine, family, table }) => `${engine} ${family} ${table}`))];
    findings.push({
      severity: 'warning',
      check: 'kube-proxy chains',
      evidence: `${left.length} chains in ${some(tables)}: ${some(left.map(({ chain }) => chain))}; they take services' packets before Membrane does`,
      remedy: 'Stop kube-proxy on this node, then run "kube-proxy --cleanup" once.',
    });
  } else findings.push(fine('kube-proxy chains', `none among ${chains.length} chains of the packet filter`));
  if (ipvs > 0) {
    findings.push({
      severity: 'warning',
      check: 'IPVS',
      evidence: `${ipvs} virtual servers`,
      remedy:
        'Stop who made them (kube-proxy in IPVS mode), then run "ipvsadm --clear" and remove the device kube-ipvs0.',
    });
  } else findings.push(fine('IPVS', 'no virtual servers'));
  if (processes.length > 0) {
    findings.push({
      severity: 'warning',
      check: 'kube-proxy',
      evidence: `runs here: process ${some(processes.map(String))}`,
      remedy: 'Remove it from this node: two that serve the same services undo each other.',
    });
  } else findings.push(fine('kube-proxy', 'does not run here'));
  return findings;
}

function isKubeProxys({ table, chain }: FilterChain): boolean {
  return table === 'kube-proxy' || (chain.startsWith('KUBE-') && !OF_KUBELET.has(chain));
}
