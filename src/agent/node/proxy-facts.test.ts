import { expect, it } from 'vitest';
import type { FilterChain } from '../../datapath/index.ts';
import { hasProxy } from './proxy-facts.ts';

const chain = (name: string, table = 'nat'): FilterChain => ({ engine: 'nft', family: 'ip', table, chain: name });

it.each([
  [{ chains: [chain('KUBE-SERVICES')], ipvs: 0, processes: [] }, true],
  [{ chains: [chain('services', 'kube-proxy')], ipvs: 0, processes: [] }, true],
  [{ chains: [], ipvs: 2, processes: [] }, true],
  [{ chains: [], ipvs: 0, processes: [42] }, true],
  [{ chains: [chain('KUBE-FIREWALL'), chain('DOCKER')], ipvs: 0, processes: [] }, false],
  // What `kube-proxy --cleanup` of 1.30 leaves.
  [
    { chains: [chain('KUBE-PROXY-CANARY', 'mangle'), chain('KUBE-KUBELET-CANARY', 'mangle')], ipvs: 0, processes: [] },
    false,
  ],
])('of %j another proxy is %s', (facts, expected) => {
  expect(hasProxy(facts)).toBe(expected);
});
