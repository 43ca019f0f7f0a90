import { expect, test } from 'vitest';
import { settled } from '../../testkit.ts';
import { type JsonObject, listAt } from '../json.ts';
import { podOf, TestServer } from '../testkit.ts';

const MOUNT = { mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true };
const NAMED = /^kube-api-access-[a-z0-9]{5}$/;

async function made(pod: JsonObject, account: JsonObject = {}): Promise<{ volumes: unknown[]; mounts: unknown[] }> {
  await using api = await TestServer.start({ podCa: 'the authority' });
  const { store } = api.server;
  store.create('serviceaccounts', { metadata: { name: 'app', namespace: 'default' }, ...account });
  const created = store.create('pods', pod, { namespace: 'default' });
  return {
    volumes: listAt(created, 'spec', 'volumes'),
    mounts: listAt(created, 'spec', 'containers').flatMap((container) => listAt(container, 'volumeMounts')),
  };
}

const own = (spec: JsonObject = {}) => podOf('a', { serviceAccountName: 'app', ...spec });

test('a pod is given the token of its account', async () => {
  const { volumes, mounts } = await made(own());
  expect(mounts).toEqual([{ ...MOUNT, name: expect.stringMatching(NAMED) }]);
  expect(volumes).toEqual([
    {
      name: expect.stringMatching(NAMED),
      projected: {
        defaultMode: 420,
        sources: [
          { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          {
            downwardAPI: {
              items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
            },
          },
        ],
      },
    },
  ]);
});

test.each<[string, JsonObject, JsonObject]>([
  ['the pod', own({ automountServiceAccountToken: false }), {}],
  ['its account', own(), { automountServiceAccountToken: false }],
  [
    'a mount of its own',
    own({
      containers: [{ name: 'main', image: 'a', volumeMounts: [{ ...MOUNT, name: 'own' }] }],
      volumes: [{ name: 'own', emptyDir: {} }],
    }),
    {},
  ],
])('not against the word of %s', async (_what, pod, account) => {
  const { volumes } = await made(pod, account);
  expect(JSON.stringify(volumes)).not.toContain('kube-api-access');
});

test('the pod’s word counts before its account’s', async () => {
  const { mounts } = await made(own({ automountServiceAccountToken: true }), { automountServiceAccountToken: false });
  expect(mounts).toHaveLength(1);
});

test('each namespace has the authority, also after somebody deleted it', async () => {
  await using api = await TestServer.start({ podCa: 'the authority' });
  const { store } = api.server;
  store.create('namespaces', { metadata: { name: 'shop' } });
  const key = { namespace: 'shop', name: 'kube-root-ca.crt' };
  await expect.poll(() => store.get('configmaps', key)).toMatchObject({ data: { 'ca.crt': 'the authority' } });
  store.delete('configmaps', key);
  await expect.poll(() => store.get('configmaps', key)).toBeDefined();
  store.delete('namespaces', { name: 'shop' });
  await expect.poll(() => store.get('namespaces', { name: 'shop' })).toBeUndefined();
  await settled(store);
  expect(store.get('configmaps', key)).toBeUndefined();
});
