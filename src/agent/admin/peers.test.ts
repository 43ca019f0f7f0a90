import { expect, it } from 'vitest';
import { nodeRow } from '../../cluster/samples.ts';
import { parseAddr } from '../../net/index.ts';
import { peerViews } from './peers.ts';

const NODES = [
  nodeRow('node-10', ['172.18.0.11'], ['10.244.10.0/24']),
  nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24']),
  nodeRow('node-1', ['172.18.0.2'], ['10.244.1.0/24']),
  nodeRow('node-6', ['fd00::6'], []),
];
const TRAFFIC = new Map([[parseAddr('172.18.0.3'), { connections: 4, unanswered: 1, idleSeconds: 2 }]]);

it('says of each other node whether it answers, and what goes there', async () => {
  const views = await peerViews({
    nodeName: 'node-1',
    nodes: NODES,
    traffic: async () => TRAFFIC,
    answers: async (addr) => addr === '172.18.0.3',
  });
  expect(views).toEqual([
    {
      name: 'node-2',
      address: '172.18.0.3',
      podCIDRs: ['10.244.2.0/24'],
      answers: true,
      tunnel: { connections: 4, unanswered: 1, idleSeconds: 2 },
    },
    { name: 'node-6', podCIDRs: [], tunnel: { connections: 0, unanswered: 0 } },
    {
      name: 'node-10',
      address: '172.18.0.11',
      podCIDRs: ['10.244.10.0/24'],
      answers: false,
      tunnel: { connections: 0, unanswered: 0 },
    },
  ]);
});

it('says nothing of a tunnel that is not there', async () => {
  const [view] = await peerViews({
    nodeName: 'node-1',
    nodes: NODES.slice(1, 2),
    traffic: () => undefined,
    answers: async () => true,
  });
  expect(view).toEqual({ name: 'node-2', address: '172.18.0.3', podCIDRs: ['10.244.2.0/24'], answers: true });
});

it('takes a refusal for an answer, and asks nobody where there are many', async () => {
  const here = nodeRow('node-2', ['127.0.0.1'], []);
  const context = { nodeName: 'node-1', traffic: () => undefined };
  expect(await peerViews({ ...context, nodes: [here] })).toMatchObject([{ answers: true }]);
  const many = Array.from({ length: 65 }, (_, i) => nodeRow(`node-${i + 2}`, ['127.0.0.1'], []));
  expect((await peerViews({ ...context, nodes: many })).some(({ answers }) => answers !== undefined)).toBe(false);
});
