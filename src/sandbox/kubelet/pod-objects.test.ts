import { expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { createApiServer } from '../apiserver/index.ts';
import { podSchema } from '../client/index.ts';
import { PodObjects } from './pod-objects.ts';

const pod = (name: string, namespace: string) =>
  podSchema.parse({ metadata: { name, namespace, uid: `${namespace}-${name}` }, spec: { containers: [] } });

const pods = [pod('web', 'a'), pod('db', 'a'), pod('web', 'b')];
const last = pod('last', 'z');

it('tells a pod of its own changes and of objects in its namespace, and of nothing else', async () => {
  const api = createApiServer({ database: ':memory:', token: 'test', log: silentLogger });
  const objects = new PodObjects({ store: api.store, log: silentLogger });
  const ended = new AbortController();
  for (const name of ['a', 'b', 'z']) api.store.create('namespaces', { metadata: { name } });
  // The server makes a service account for each namespace when it comes to it, the last of them for the last one.
  const madeUp = objects.changed(last, ended.signal);
  const running = objects.run(ended.signal);
  await madeUp;
  const write = (name: string, namespace: string) =>
    api.store.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } });
  const told = async (name: string, change: () => void) => {
    const woken: string[] = [];
    const waiting = new AbortController();
    const done = pods.map(async (one) => {
      await objects.changed(one, waiting.signal);
      if (!waiting.signal.aborted) woken.push(one.metadata.uid);
    });
    const later = objects.changed(last, waiting.signal);
    change();
    // What is written after the change is told after it.
    write(name, last.metadata.namespace);
    await later;
    waiting.abort();
    await Promise.all(done);
    return woken;
  };
  expect(await told('first', () => undefined)).toEqual([]);
  expect(await told('second', () => objects.tell(pod('db', 'a')))).toEqual(['a-db']);
  expect(await told('third', () => write('third', 'a'))).toEqual(['a-web', 'a-db']);
  ended.abort();
  await running;
  await api.close();
});
