import { expect, it } from 'vitest';
import { podRow } from '../../cluster/samples.ts';
import type { FilterChain } from '../../datapath/index.ts';
import { judgeProxy } from './judge-proxy.ts';
import { bad } from './samples.ts';

const chain = (name: string, table = 'nat'): FilterChain => ({ engine: 'nft', family: 'ip', table, chain: name });

const ON = { enabled: true, cgroup: '/sys/fs/cgroup' } as const;

it.each<[string, FilterChain[], RegExp | undefined]>([
  [
    'kube-proxy in iptables mode',
    [chain('KUBE-SERVICES')],
    /^warning kube-proxy chains: 1 chains in nft ip nat: KUBE-SERVICES/,
  ],
  ['kube-proxy in nftables mode', [chain('services', 'kube-proxy')], /^warning .*nft ip kube-proxy: services/],
  ['more than fit a line', Array.from({ length: 30 }, (_, i) => chain(`KUBE-SVC-${i}`)), /KUBE-SVC-9 and 20 more;/],
  ['kubelet', [chain('KUBE-KUBELET-CANARY'), chain('KUBE-FIREWALL'), chain('KUBE-PROXY-CANARY')], undefined],
  ['somebody else', [chain('DOCKER'), chain('input', 'filter')], undefined],
])('chains of %s', (_, chains, expected) => {
  const found = bad(judgeProxy({ chains, ipvs: 0, processes: [] }, ON, []));
  expect(found).toEqual(expected === undefined ? [] : [expect.stringMatching(expected)]);
});

it('virtual servers and a kube-proxy that runs', () => {
  expect(bad(judgeProxy({ chains: [], ipvs: 3, processes: [42] }, ON, []))).toEqual([
    expect.stringMatching(/^warning IPVS: 3 virtual servers; Membrane takes the packets of pods/),
    'warning kube-proxy: runs here: process 42',
  ]);
});

it.each([
  ['a DaemonSet’s', 'kube-proxy-x7', { 'k8s-app': 'kube-proxy' }, true, true],
  ['a static one', 'kube-proxy-node-1', {}, true, true],
  ['one that is called otherwise', 'proxy', { 'k8s-app': 'kube-proxy' }, true, true],
  ['a pod of somebody who calls himself so', 'kube-proxy-x7', { 'k8s-app': 'kube-proxy' }, false, false],
  ['another of the host network', 'node-exporter', {}, true, false],
] as const)(
  'an agent in a container sees by its pod that a kube-proxy runs: %s',
  (_, name, labels, hostNetwork, runs) => {
    const pod = podRow(name, labels, { namespace: 'kube-system', hostNetwork, phase: 'Running' });
    const found = bad(judgeProxy({ chains: [], ipvs: 0, processes: [] }, ON, [pod]));
    expect(found).toEqual(runs ? [`warning kube-proxy: runs here: pod kube-system/${name}`] : []);
  },
);

it('with services off says that all are served by it, and how to take over', () => {
  const facts = { chains: [chain('KUBE-SERVICES')], ipvs: 1, processes: [42] };
  const findings = judgeProxy(facts, { enabled: false }, []);
  expect(findings.map(({ severity }) => severity)).toEqual(['info', 'info', 'info']);
  expect(findings[0]?.evidence).toContain('they serve pods');
  for (const { remedy } of findings) expect(remedy).toContain('enableServices: true');
});
