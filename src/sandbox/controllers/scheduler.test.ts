import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { type ApiServer, createApiServer, stringAt } from '../apiserver/index.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { Informer } from '../client/informer.ts';
import { nodeSchema } from '../client/node.ts';
import { podSchema } from '../client/pod.ts';
import { settled } from '../testkit.ts';
import { Scheduler } from './scheduler.ts';

async function withScheduler(action: (api: ApiServer) => Promise<void>): Promise<void> {
  const log = silentLogger;
  const api = createApiServer({ database: ':memory:', token: 't', log });
  const { store } = api;
  const end = new AbortController();
  const pods = new Informer({ store, resource: 'pods', parse: (o) => podSchema.parse(o), log });
  const nodes = new Informer({ store, resource: 'nodes', parse: (o) => nodeSchema.parse(o), log });
  const events = new EventRecorder({ store, component: 'default-scheduler', log });
  const scheduler = new Scheduler({ store, pods, nodes, events, log });
  const watches = [pods.run(end.signal), nodes.run(end.signal)];
  scheduler.start();
  try {
    await action(api);
  } finally {
    scheduler.stop();
    end.abort();
    await Promise.all(watches);
    await api.close();
  }
}

function addNode(api: ApiServer, name: string, ready: boolean): void {
  if (api.store.get('nodes', { name }) === undefined) api.store.create('nodes', { metadata: { name } });
  const now = '2026-01-01T00:00:00Z';
  api.store.patchStatus(
    'nodes',
    { name },
    {
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: now, lastHeartbeatTime: now },
      ],
    },
  );
}

function addPod(api: ApiServer, name: string): void {
  const spec = { containers: [{ name: 'c', image: 'pause' }] };
  api.store.create('pods', { metadata: { name, namespace: 'default' }, spec });
}

const nodeOf = (api: ApiServer, name: string) =>
  stringAt(api.store.get('pods', { namespace: 'default', name }), 'spec', 'nodeName');

describe('Scheduler', () => {
  it('spreads pods that come at once', async () => {
    await withScheduler(async (api) => {
      addNode(api, 'node-1', true);
      addNode(api, 'node-2', true);
      for (let i = 0; i < 10; i += 1) addPod(api, `p${i}`);
      await settled(api.store);
      const nodes = Array.from({ length: 10 }, (_, i) => nodeOf(api, `p${i}`));
      expect(nodes.filter((n) => n === 'node-1')).toHaveLength(5);
      expect(nodes.filter((n) => n === 'node-2')).toHaveLength(5);
    });
  });

  it('says why a pod is pending, and binds it as soon as a node is ready', async () => {
    await withScheduler(async (api) => {
      addNode(api, 'node-1', false);
      addPod(api, 'p');
      await settled(api.store);
      const pod = api.store.get('pods', { namespace: 'default', name: 'p' });
      expect(pod?.['status']).toMatchObject({
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }],
      });
      const [event] = api.store.list('events').items;
      expect(event).toMatchObject({ reason: 'FailedScheduling', type: 'Warning' });
      addNode(api, 'node-1', true);
      await settled(api.store);
      expect(nodeOf(api, 'p')).toBe('node-1');
    });
  });
});
