import type { Report } from '../row.ts';
import { interleaved, pairedRatio, summary } from '../stats.ts';
import { kubeProxyRules, proxiedAddr } from './kube-proxy-rules.ts';
import { NODE_ADDR, POD, POD_CIDR, RoutedNode } from './routed-node.ts';
import { LISTENING, NODE_PORTS, type ServiceNode, TCP_PORT, UDP_PORT } from './service-node.ts';

const ROUNDS = 13;
const SECONDS = 0.25;
const KINDS = {
  'nodeport.rps': { load: 'crr', protocol: 'tcp', note: 'a connection, a byte and its answer each' },
  'nodeport.pps': { load: 'blast', protocol: 'udp', note: 'datagrams of one byte that reach the pod' },
} as const;
type Kind = keyof typeof KINDS;

export const NODE_PORT_ROWS = Object.keys(KINDS) as Kind[];

/** From outside to a pod by a node port, beside iptables in namespaces of the same shape. */
export async function nodePort(node: ServiceNode, report: Report, wanted: (row: string) => boolean): Promise<void> {
  const kinds = NODE_PORT_ROWS.filter(wanted);
  if (kinds.length === 0) return;
  await using ruled = await RoutedNode.up('np', LISTENING, rules());
  for (const kind of kinds) {
    const { load, protocol, note } = KINDS[kind];
    const ways = {
      ours: async () => await node.world(load, SECONDS, node.nodePort(protocol)),
      iptables: async () => await ruled.world(load, SECONDS, { addr: NODE_ADDR, port: NODE_PORTS[protocol] }),
    };
    for (const warmUp of Object.values(ways)) await warmUp();
    const { ours, iptables } = await interleaved(ROUNDS, ways);
    report({
      name: kind,
      ...summary(ours),
      unit: '/s',
      baseline: '/s, iptables DNAT',
      baselineValue: summary(iptables).value,
      ratio: pairedRatio(ours, iptables),
      target: { of: 'ratio', bound: 'at least', limit: 1.5 },
      note,
    });
  }
}

function rules(): string {
  const of = (protocol: 'tcp' | 'udp', index: number, port: number) => ({
    addr: proxiedAddr(index),
    port: 80,
    protocol,
    nodePort: NODE_PORTS[protocol],
    endpoints: [`${POD}:${port}`, `${POD}:${port}`] as const,
  });
  return kubeProxyRules([of('tcp', 0, TCP_PORT), of('udp', 1, UDP_PORT)], POD_CIDR);
}
