import { expect, test } from 'vitest';
import { at } from './json.ts';
import { PODS, podOf, TestServer } from './testkit.ts';

test('a pod is created with defaults, read, listed and deleted', async () => {
  await using api = await TestServer.start();
  const created = await api.post(PODS, podOf('a'));
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({
    metadata: { name: 'a', namespace: 'default' },
    spec: {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      terminationGracePeriodSeconds: 30,
      serviceAccountName: 'default',
      schedulerName: 'default-scheduler',
      containers: [{ imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log' }],
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  });
  expect((await api.get(`${PODS}/a`)).body).toEqual(created.body);
  const list = await api.get(PODS);
  expect(at(list.body, 'items', 0, 'metadata', 'name')).toBe('a');
  expect((await api.delete(`${PODS}/a`)).status).toBe(200);
  const missing = await api.get(`${PODS}/a`);
  expect(missing.status).toBe(404);
  expect(missing.body).toMatchObject({ kind: 'Status', reason: 'NotFound', message: 'pods "a" not found' });
});

test('without the token nothing but health and version is told', async () => {
  await using api = await TestServer.start();
  for (const authorization of ['', 'Bearer wrong', 'Basic dGVzdA==', 'Bearer']) {
    const refused = await api.get('/api/v1/pods', { authorization });
    expect(refused.status).toBe(401);
    expect(refused.body).toMatchObject({ reason: 'Unauthorized', code: 401 });
  }
  expect((await api.get('/healthz', { authorization: '' })).text).toBe('ok');
  expect((await api.get('/version', { authorization: '' })).status).toBe(200);
});
