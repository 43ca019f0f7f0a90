import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { listNftChains, listXtablesChains } from '../../datapath/index.ts';
import type { ProxyFacts } from './judge-proxy.ts';

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
