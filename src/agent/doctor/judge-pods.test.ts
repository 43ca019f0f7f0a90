import { expect, it } from 'vitest';
import type { PodRow } from '../../model/index.ts';
import { judgePods } from './judge-pods.ts';
import { bad } from './samples.ts';

it('pods that may more than others, the finished ones left out', () => {
  const pod = (name: string, rest: Partial<PodRow>): PodRow => ({
    uid: name,
    namespace: 'a',
    name,
    labels: {},
    serviceAccount: 'default',
    nodeName: 'n',
    hostNetwork: false,
    privileged: false,
    netRaw: false,
    podIPs: [],
    hostIP: '',
    namedPorts: [],
    hostPorts: [],
    createdAt: '',
    phase: 'Running',
    ...rest,
  });
  expect(bad(judgePods([pod('x', {}), pod('done', { privileged: true, phase: 'Failed' })]))).toEqual([]);
  const mighty = pod('mighty', { privileged: true, netRaw: true });
  expect(bad(judgePods([pod('x', { netRaw: true }), mighty, pod('host', { hostNetwork: true })]))).toEqual([
    'warning privileged: 1 of 3 pods may change the node, and Membrane with it: a/mighty',
    'warning host network: 1 of 3 pods have no device of their own: a/host',
    'info CAP_NET_RAW: 2 of 3 pods may write packets by hand, which only their devices check: a/mighty, a/x',
  ]);
});
