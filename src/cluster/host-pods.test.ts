import { expect, it } from 'vitest';
import { namespacedName } from '../base/index.ts';
import { parseAddr } from '../net/index.ts';
import { HostPods } from './host-pods.ts';
import { Intent } from './intent.ts';
import { nodeSlice } from './others-testkit.ts';
import { nodeRow } from './samples.ts';

it('has a pod of a host network at the addresses of the node that tells of it, and at no other', () => {
  const intent = new Intent();
  const pods = new HostPods(intent);
  const proxy = namespacedName({ namespace: 'kube-system', name: 'proxy' });
  const own = undefined;
  intent.nodes.set(nodeRow('node-2', ['172.18.0.3'], []));
  intent.nodeSlices.set(nodeSlice('node-2', [{ namespace: 'kube-system', name: 'proxy', own }]));
  expect([pods.follow(), pods.follow()]).toEqual([true, false]);
  const at = (...addrs: string[]) => addrs.map((addr) => pods.has(proxy, parseAddr(addr)));
  expect(at('172.18.0.3', '172.18.0.4')).toEqual([true, false]);
  intent.nodes.set({ ...nodeRow('node-2', ['172.18.0.3'], []), uid: 'another' });
  expect(at('172.18.0.3')).toEqual([false]);
  intent.nodeSlices.set(
    nodeSlice('node-2', [{ namespace: 'kube-system', name: 'proxy', own }], { nodeUid: 'another' }),
  );
  expect([pods.follow(), ...at('172.18.0.3')]).toEqual([true, true]);
  intent.nodeSlices.delete(namespacedName({ name: 'node-2.0' }));
  expect([pods.follow(), ...at('172.18.0.3')]).toEqual([true, false]);
});
