import { addrOfNumber } from './many-services.ts';

export type ProxiedService = {
  readonly addr: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly nodePort?: number;
  /** `address:port` of its two endpoints. */
  readonly endpoints: readonly [string, string];
};

const HEAD = ['*nat', ':PREROUTING ACCEPT', ':INPUT ACCEPT', ':OUTPUT ACCEPT', ':POSTROUTING ACCEPT'];
const CHAINS = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-MARK-MASQ', 'KUBE-POSTROUTING'];
const FRAME = [
  '-A PREROUTING -j KUBE-SERVICES',
  '-A OUTPUT -j KUBE-SERVICES',
  '-A POSTROUTING -j KUBE-POSTROUTING',
  '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
  '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
  '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
  '-A KUBE-POSTROUTING -j MASQUERADE --random-fully',
];

/**
 * For iptables-restore: the rules that kube-proxy writes, 8 and 3 chains a service, in the order of the services. A node
 * port leads to the service without masquerade, as with the external traffic policy Local.
 */
export function kubeProxyRules(services: readonly ProxiedService[], podCidr: string): string {
  const chains = [...CHAINS];
  const top: string[] = [];
  const nodePorts: string[] = [];
  const own: string[] = [];
  for (const [index, { addr, port, protocol, nodePort, endpoints }] of services.entries()) {
    const name = String(index).padStart(16, '0');
    const to = `-d ${addr}/32 -p ${protocol} -m ${protocol} --dport ${port}`;
    const [service, first, second] = [`KUBE-SVC-${name}`, `KUBE-SEP-${name}A`, `KUBE-SEP-${name}B`];
    chains.push(service, first, second);
    top.push(`-A KUBE-SERVICES ${to} -j ${service}`);
    if (nodePort !== undefined) {
      nodePorts.push(`-A KUBE-NODEPORTS -p ${protocol} -m ${protocol} --dport ${nodePort} -j ${service}`);
    }
    own.push(
      `-A ${service} ! -s ${podCidr} ${to} -j KUBE-MARK-MASQ`,
      `-A ${service} -m statistic --mode random --probability 0.5 -j ${first}`,
      `-A ${service} -j ${second}`,
    );
    for (const [chain, endpoint] of [
      [first, endpoints[0]],
      [second, endpoints[1]],
    ] as const) {
      own.push(
        `-A ${chain} -s ${endpoint.split(':')[0]}/32 -j KUBE-MARK-MASQ`,
        `-A ${chain} -p ${protocol} -m ${protocol} -j DNAT --to-destination ${endpoint}`,
      );
    }
  }
  const local = '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS';
  return [
    ...HEAD,
    ...chains.map((chain) => `:${chain} -`),
    ...FRAME,
    ...top,
    local,
    ...nodePorts,
    ...own,
    'COMMIT',
    '',
  ].join('\n');
}

/** So many services; `endpoints` are of those that are measured, by place. */
export function proxiedServices(count: number, endpoints: ReadonlyMap<number, string>): ProxiedService[] {
  return Array.from({ length: count }, (_, index) => {
    const measured = endpoints.get(index);
    return {
      addr: proxiedAddr(index),
      port: 80,
      protocol: 'tcp',
      endpoints: [
        measured ?? `${addrOfNumber('10.200.0.0', index)}:8080`,
        measured ?? `${addrOfNumber('10.202.0.0', index)}:8080`,
      ],
    };
  });
}

export const proxiedAddr = (index: number): string => addrOfNumber('10.96.0.0', index + 1);
