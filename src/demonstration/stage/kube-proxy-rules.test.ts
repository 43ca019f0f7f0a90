import { describe, expect, it } from 'vitest';
import { parseAddr } from '../../net/index.ts';
import { kubeletRules, kubeProxyRules } from './kube-proxy-rules.ts';

const services = (['TCP', 'UDP'] as const).map((protocol) => ({
  protocol,
  clusterIp: parseAddr('10.97.0.10'),
  port: 80,
  nodePort: 30_080,
  backend: { ip: parseAddr('10.245.1.2'), port: 8080 },
}));
const lines = kubeProxyRules('10.245.1.0/24', services).split('\n');

describe("kube-proxy's rules", () => {
  it('jump to chains only that are declared', () => {
    const declared = lines.flatMap((line) => /^:(\S+)/.exec(line)?.[1] ?? []);
    const targets = lines.flatMap((line) => / -j (KUBE-\S+)/.exec(line)?.[1] ?? []);
    expect(targets.filter((target) => !declared.includes(target))).toEqual([]);
    expect(new Set(targets)).toEqual(new Set(declared));
  });

  it('look for node ports last, at every address of the node', () => {
    const portals = lines.filter((line) => line.startsWith('-A KUBE-SERVICES '));
    expect(portals).toHaveLength(3);
    expect(portals.at(-1)).toMatch(/--dst-type LOCAL -j KUBE-NODEPORTS$/);
  });

  it('lead a node port to the backend, masqueraded', () => {
    expect(lines).toContain('-A KUBE-NODEPORTS -p udp -m udp --dport 30080 -j KUBE-EXT-1');
    expect(lines).toContain('-A KUBE-EXT-1 -m comment --comment "masquerade external traffic" -j KUBE-MARK-MASQ');
    expect(lines).toContain('-A KUBE-EXT-1 -j KUBE-SVC-1');
    expect(lines).toContain('-A KUBE-SVC-1 -j KUBE-SEP-1');
    expect(lines).toContain('-A KUBE-SEP-1 -p udp -m udp -j DNAT --to-destination 10.245.1.2:8080');
  });

  it("are without kubelet's, which exempts loopback sources", () => {
    expect(lines.some((line) => line.includes('127.0.0.0/8'))).toBe(false);
    expect(kubeletRules()).toContain('-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 ');
  });
});
