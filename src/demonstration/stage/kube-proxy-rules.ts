import type { Addr } from '../../net/index.ts';
import type { Protocol } from '../tools/index.ts';

export type IptablesService = {
  readonly protocol: Protocol;
  readonly clusterIp: Addr;
  readonly port: number;
  readonly nodePort: number;
  readonly backend: { readonly ip: Addr; readonly port: number };
};

/** The rule by which kubelet mends what `route_localnet` opens (CVE-2020-8558). It exempts loopback sources. */
const KUBELET_RULE =
  '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';

/** For iptables-restore: the chains and rules that kube-proxy writes (mode iptables) for services with one backend each. */
export function kubeProxyRules(podCidr: string, services: readonly IptablesService[]): string {
  const chains = services.flatMap((_, i) => [
    `:KUBE-SVC-${i} - [0:0]`,
    `:KUBE-EXT-${i} - [0:0]`,
    `:KUBE-SEP-${i} - [0:0]`,
  ]);
  const rules = services.map((service, i) => serviceRules(podCidr, service, i));
  return [
    '*nat',
    ':KUBE-SERVICES - [0:0]',
    ':KUBE-NODEPORTS - [0:0]',
    ':KUBE-POSTROUTING - [0:0]',
    ':KUBE-MARK-MASQ - [0:0]',
    ...chains,
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ...rules.flatMap(({ portal }) => portal),
    // Last, as kube-proxy has it: whatever is for this node may be for a node port.
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    ...rules.flatMap(({ steps }) => steps),
    'COMMIT',
    '*filter',
    ':KUBE-FORWARD - [0:0]',
    '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
    'COMMIT',
    '',
  ].join('\n');
}

function serviceRules(podCidr: string, service: IptablesService, i: number): { portal: string[]; steps: string[] } {
  const { clusterIp, port, nodePort, backend } = service;
  const l4 = service.protocol.toLowerCase();
  return {
    portal: [`-A KUBE-SERVICES -d ${clusterIp}/32 -p ${l4} -m ${l4} --dport ${port} -j KUBE-SVC-${i}`],
    steps: [
      `-A KUBE-NODEPORTS -p ${l4} -m ${l4} --dport ${nodePort} -j KUBE-EXT-${i}`,
      `-A KUBE-EXT-${i} -m comment --comment "masquerade external traffic" -j KUBE-MARK-MASQ`,
      `-A KUBE-EXT-${i} -j KUBE-SVC-${i}`,
      `-A KUBE-SVC-${i} ! -s ${podCidr} -d ${clusterIp}/32 -p ${l4} -m ${l4} --dport ${port} -j KUBE-MARK-MASQ`,
      `-A KUBE-SVC-${i} -j KUBE-SEP-${i}`,
      `-A KUBE-SEP-${i} -s ${backend.ip}/32 -j KUBE-MARK-MASQ`,
      `-A KUBE-SEP-${i} -p ${l4} -m ${l4} -j DNAT --to-destination ${backend.ip}:${backend.port}`,
    ],
  };
}

/** For iptables-restore --noflush: kubelet's firewall chain with its one rule. */
export function kubeletRules(): string {
  return [
    '*filter',
    ':KUBE-FIREWALL - [0:0]',
    '-A INPUT -j KUBE-FIREWALL',
    '-A OUTPUT -j KUBE-FIREWALL',
    KUBELET_RULE,
    'COMMIT',
    '',
  ].join('\n');
}
