import { expect, test } from 'vitest';
import { FakeClock } from '../../../base/testkit.ts';
import { resources } from '../resources/index.ts';
import { isApiError } from '../status.ts';
import { podOf } from '../testkit.ts';
import { ApiStore } from './api-store.ts';

function makeStore(historyLimit = 100): ApiStore {
  const store = new ApiStore({
    database: ':memory:',
    definitions: resources,
    clock: new FakeClock(Date.UTC(2026, 0, 1)),
    serviceCidr: '10.96.0.0/12',
    historyLimit,
  });
  store.create('namespaces', { metadata: { name: 'default' } });
  return store;
}

const key = { namespace: 'default', name: 'a' };
const create = (store: ApiStore) => store.create('pods', podOf('a'), { namespace: 'default' });

test('the scheduler and the kubelet need no HTTP', async () => {
  const store = makeStore();
  create(store);
  store.bind(key, 'node-1');
  store.patchStatus('pods', key, { phase: 'Running', podIP: '10.244.1.2' });
  expect(store.list('pods', { fieldSelector: 'spec.nodeName=node-1' }).items).toMatchObject([
    {
      metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
      status: { phase: 'Running', conditions: [{ type: 'PodScheduled' }] },
    },
  ]);
  expect(store.delete('pods', key)).toMatchObject({
    gone: false,
    object: { metadata: { deletionTimestamp: '2026-01-01T00:00:30Z' } },
  });
  expect(store.delete('pods', key, { gracePeriodSeconds: 0 })).toMatchObject({ gone: true });
  expect(store.get('pods', key)).toBeUndefined();
});

test('a watch gives what is there, then each change, and ends with its signal', async () => {
  const store = makeStore();
  create(store);
  const controller = new AbortController();
  const seen: string[] = [];
  for await (const { type, object } of store.watch('pods', { signal: controller.signal })) {
    seen.push(`${type} ${object.metadata.name}`);
    if (seen.length === 1) store.bind(key, 'node-1');
    if (seen.length === 2) setImmediate(() => store.delete('pods', key, { gracePeriodSeconds: 0 }));
    if (seen.length === 3) setImmediate(() => controller.abort());
  }
  expect(seen).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
});

test('a watch from a revision that is no longer kept is refused', async () => {
  const store = makeStore(2);
  const { resourceVersion } = store;
  create(store);
  for (let i = 0; i < 10; i++) store.patchStatus('pods', key, { message: String(i) });
  const first = store.watch('pods', { resourceVersion })[Symbol.asyncIterator]().next();
  await expect(first).rejects.toSatisfy((error) => isApiError(error, 'Expired'));
});

test('stored objects cannot be changed by those who read them', () => {
  const store = makeStore();
  const pod = create(store);
  expect(() => {
    pod.metadata.name = 'b';
  }).toThrow(TypeError);
});

test('an unknown resource is a mistake of the caller', () => {
  expect(() => makeStore().list('widgets')).toThrow(/does not know this resource: widgets/);
});

test('namespaces that everything needs stay', () => {
  expect(() => makeStore().delete('namespaces', { name: 'default' })).toThrow('this namespace may not be deleted');
});

test('an object larger than the storage takes is refused', () => {
  const store = makeStore();
  const labels = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`key-${i}`, 'v'.repeat(50)]));
  expect(() => store.create('configmaps', { metadata: { name: 'c', namespace: 'default', labels } })).toThrow(
    'too large',
  );
  expect(store.get('configmaps', { namespace: 'default', name: 'c' })).toBeUndefined();
});
