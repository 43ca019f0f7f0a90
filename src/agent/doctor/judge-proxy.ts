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

/** What Membrane does with services here. */
export type OwnServices =
  | { readonly enabled: false }
  /** `cgroup`: where sockets are turned to backends; undefined: nowhere. */
  | { readonly enabled: true; readonly cgroup: string | undefined };

/** What another proxy's rules do for whom; the same whatever engine they are in. */
function effectOf(own: OwnServices): string {
  // What comes from a pod or for one is delivered past the node's packet filter, before or after any rule of it.
  if (!own.enabled) {
    return "enableServices is off, and pods' packets do not pass these rules: processes of the node are served by them, pods reach no service by its address, and node ports from outside reach no pod";
  }
  const whose =
    own.cgroup === undefined
      ? 'processes of the node are served by them'
      : `only processes of the node outside of ${own.cgroup} are served by them`;
  return `Membrane takes the packets of pods and from outside before they do; ${whose}`;
}

const NOT_SERVED =
  'Set "enableServices: true" in the agent\'s configuration: Membrane then serves them, beside the other or alone.';

/** Why an agent should not start here with services off; undefined: nobody else serves any. */
export function whyUnserved({ chains, ipvs, processes }: ProxyFacts): string | undefined {
  const left = chains.filter(isKubeProxys).map(({ chain }) => chain);
  if (left.length > 0) return `the packet filter has ${left.length} chains of kube-proxy: ${some(left)}`;
  if (ipvs > 0) return `there are ${ipvs} virtual servers of IPVS`;
  return processes.length > 0 ? `kube-proxy runs here: process ${some(processes.map(String))}` : undefined;
}

export function judgeProxy({ chains, ipvs, processes }: ProxyFacts, own: OwnServices): Finding[] {
  const findings: Finding[] = [];
  const severity = own.enabled ? 'warning' : 'critical';
  const left = chains.filter(isKubeProxys);
  if (left.length > 0) {
    const tables = [...new Set(left.map(({ engine, family, table }) => `${engine} ${family} ${table}`))];
    findings.push({
      severity,
      check: 'kube-proxy chains',
      evidence: `${left.length} chains in ${some(tables)}: ${some(left.map(({ chain }) => chain))}; ${effectOf(own)}`,
      remedy: own.enabled ? 'Stop kube-proxy on this node, then run "kube-proxy --cleanup" once.' : NOT_SERVED,
    });
  } else findings.push(fine('kube-proxy chains', `none among ${chains.length} chains of the packet filter`));
  if (ipvs > 0) {
    findings.push({
      severity,
      check: 'IPVS',
      evidence: `${ipvs} virtual servers; ${effectOf(own)}`,
      remedy: !own.enabled
        ? NOT_SERVED
        : 'Stop who made them (kube-proxy in IPVS mode), then run "ipvsadm --clear" and remove the device kube-ipvs0.',
    });
  } else findings.push(fine('IPVS', 'no virtual servers'));
  if (processes.length > 0) {
    findings.push({
      severity,
      check: 'kube-proxy',
      evidence: `runs here: process ${some(processes.map(String))}`,
      remedy: own.enabled ? 'Remove it from this node: what it does is done already.' : NOT_SERVED,
    });
  } else findings.push(fine('kube-proxy', 'does not run here'));
  return findings;
}

function isKubeProxys({ table, chain }: FilterChain): boolean {
  return table === 'kube-proxy' || (chain.startsWith('KUBE-') && !OF_KUBELET.has(chain));
}
