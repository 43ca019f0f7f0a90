import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { createApiServer } from '../apiserver/index.ts';
import { podSchema } from '../client/index.ts';
import { PodObjects } from './pod-objects.ts';

const pod = (name: string, namespace: string) =>
  podSchema.parse({ metadata: { name, namespace, uid: name }, spec: { containers: [] } });

it('tells a pod of its own changes and of objects in its namespace, and of nothing else', async () => {
  const api = createApiServer({ database: ':memory:', token: 'test', log: silentLogger });
  const objects = new PodObjects({ store: api.store, log: silentLogger });
  const ended = new AbortController();
  const running = objects.run(ended.signal);
  const pods = [pod('web', 'default'), pod('db', 'default'), pod('web', 'kube-system')];
  const told = async (change: () => void) => {
    const woken: string[] = [];
    const waiting = new AbortController();
    const done = pods.map(async (one) => {
      await objects.changed(one, waiting.signal);
      if (!waiting.signal.aborted) woken.push(`${one.metadata.namespace}/${one.metadata.name}`);
    });
    change();
    for (let round = 0; round < 5; round += 1) await turn();
    waiting.abort();
    await Promise.all(done);
    return woken;
  };
  // What is there from the start comes first.
  await turn();
  while ((await told(() => undefined)).length > 0);
  expect(await told(() => objects.tell(pod('db', 'default')))).toEqual(['default/db']);
  expect(
    await told(() => {
      api.store.create('configmaps', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'c', namespace: 'default' },
      });
    }),
  ).toEqual(['default/web', 'default/db']);
  ended.abort();
  await running;
  await api.close();
});
