import type { Finding } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import type { PodRow } from '../../model/index.ts';
import { isKubeProxys, type ProxyFacts } from '../node/index.ts';
import { fine, some } from './finding.ts';

/** What Membrane does with services here. */
export type OwnServices =
  | { readonly enabled: false }
  /** `cgroup`: where sockets are turned to backends; undefined: nowhere. */
  | { readonly enabled: true; readonly cgroup: string | undefined };

/** What another proxy's rules do for whom; the same whatever engine they are in. */
function effectOf(own: OwnServices): string {
  if (!own.enabled) {
    return 'enableServices is off: they serve pods, processes of the node and the world, and policy is asked about the backends that they choose';
  }
  const whose =
    own.cgroup === undefined
      ? 'processes of the node are served by them'
      : `only processes of the node outside of ${own.cgroup} are served by them`;
  return `Membrane takes the packets of pods and from outside before they do; ${whose}`;
}

const REMEDY_OFF =
  'Nothing to do while a kube-proxy is meant to serve; "enableServices: true" takes over from it, see "Taking over from kube-proxy" in docs/INSTALL.md.';

/** `pods`: of this node. A DaemonSet's kube-proxy is one of them, whatever processes an agent in a container can see. */
export function judgeProxy(
  { chains, ipvs, processes }: ProxyFacts,
  own: OwnServices,
  pods: readonly PodRow[],
): Finding[] {
  const findings: Finding[] = [];
  const severity = own.enabled ? 'warning' : 'info';
  const left = chains.filter(isKubeProxys);
  if (left.length > 0) {
    const tables = [...new Set(left.map(({ engine, family, table }) => `${engine} ${family} ${table}`))];
    findings.push({
      severity,
      check: 'kube-proxy chains',
      evidence: `${left.length} chains in ${some(tables)}: ${some(left.map(({ chain }) => chain))}; ${effectOf(own)}`,
      remedy: own.enabled ? 'Stop kube-proxy on this node, then run "kube-proxy --cleanup" once.' : REMEDY_OFF,
    });
  } else findings.push(fine('kube-proxy chains', `none among ${chains.length} chains of the packet filter`));
  if (ipvs > 0) {
    findings.push({
      severity,
      check: 'IPVS',
      evidence: `${ipvs} virtual servers; ${effectOf(own)}`,
      remedy: !own.enabled
        ? REMEDY_OFF
        : 'Stop who made them (kube-proxy in IPVS mode), then run "ipvsadm --clear" and remove the device kube-ipvs0.',
    });
  } else findings.push(fine('IPVS', 'no virtual servers'));
  const proxies = pods.filter(isKubeProxy).map(namespacedName);
  if (processes.length + proxies.length > 0) {
    const here = [
      ...(processes.length > 0 ? [`process ${some(processes.map(String))}`] : []),
      ...(proxies.length > 0 ? [`pod ${some(proxies)}`] : []),
    ];
    findings.push({
      severity,
      check: 'kube-proxy',
      evidence: `runs here: ${here.join(', ')}`,
      remedy: own.enabled ? 'Remove it from this node: what it does is done already.' : REMEDY_OFF,
    });
  } else findings.push(fine('kube-proxy', 'does not run here'));
  return findings;
}

/** As kubeadm and others label it, or name it where it is a static pod. */
function isKubeProxy({ name, labels, hostNetwork, phase }: PodRow): boolean {
  const isNamed = labels['k8s-app'] === 'kube-proxy' || name === 'kube-proxy' || name.startsWith('kube-proxy-');
  return isNamed && hostNetwork && phase !== 'Succeeded' && phase !== 'Failed';
}
