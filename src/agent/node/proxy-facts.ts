import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type FilterChain, listNftChains, listXtablesChains } from '../../datapath/index.ts';

/** What another proxy for services has on this node. */
export type ProxyFacts = {
  readonly chains: readonly FilterChain[];
  /** Virtual servers of IPVS. */
  readonly ipvs: number;
  /** Processes named kube-proxy in the node's network namespace, of those in sight: a container may see its own alone. */
  readonly processes: readonly number[];
};

/**
 * No service goes through these: kubelet makes most for itself, some only when it is old, and `kube-proxy --cleanup` leaves the
 * canary, by which kube-proxy sees that somebody emptied a table.
 */
const OF_NO_SERVICE = new Set([
  'KUBE-PROXY-CANARY',
  'KUBE-FIREWALL',
  'KUBE-KUBELET-CANARY',
  'KUBE-IPTABLES-HINT',
  'KUBE-MARK-DROP',
  'KUBE-MARK-MASQ',
  'KUBE-POSTROUTING',
]);

export function isKubeProxys({ table, chain }: FilterChain): boolean {
  return table === 'kube-proxy' || (chain.startsWith('KUBE-') && !OF_NO_SERVICE.has(chain));
}

/** Does anybody else turn packets to services here, or may what he has turned still be under way? */
export function hasProxy({ chains, ipvs, processes }: ProxyFacts): boolean {
  return chains.some(isKubeProxys) || ipvs > 0 || processes.length > 0;
}

/** Throws what reading the packet filter throws. */
export async function proxyFacts(): Promise<ProxyFacts> {
  return {
    chains: [...(await listNftChains()), ...listXtablesChains()],
    ipvs: virtualServers(read('/proc/thread-self/net/ip_vs')),
    processes: kubeProxies(),
  };
}

/** /proc/net/ip_vs: a line a virtual server, and indented ones for what is behind it. */
function virtualServers(table: string): number {
  return table.split('\n').filter((line) => /^(TCP|UDP|SCTP|FWM) /.test(line)).length;
}

/** In this process's network namespace: another node of the same machine is none of our business. */
function kubeProxies(): number[] {
  const own = namespaceOf('thread-self');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/comm`).trim() === 'kube-proxy')
    .filter((name) => namespaceOf(name) === own)
    .map(Number);
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return '';
  }
}

/** Empty when there is no such file: a kernel without IPVS, a process that ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
