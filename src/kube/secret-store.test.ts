import { expect, test } from 'vitest';
import { SecretObject } from './secret-store.ts';
import type { KubeRequest } from './transport.ts';

const encoded = (text: string): string => Buffer.from(text).toString('base64');

/** A server that has this object, and what is sent to it. */
function serverWith(object: object | undefined) {
  const sent: Pick<KubeRequest, 'method' | 'path' | 'body'>[] = [];
  const request = async ({ method, path, body }: KubeRequest): Promise<unknown> => {
    if (method === 'GET') return object;
    sent.push({ method, path, body });
    return body;
  };
  return { secret: new SecretObject({ request }, { namespace: 'ns', name: 'flows' }), sent };
}

test('what is replaced is what it holds: of all else nothing is lost, nor changed that cannot be', async () => {
  const metadata = {
    name: 'flows',
    namespace: 'ns',
    uid: 'u',
    resourceVersion: '7',
    labels: { team: 'net' },
    annotations: { 'copy-to': 'monitoring' },
    finalizers: ['else.io/x'],
    ownerReferences: [{ apiVersion: 'v1', kind: 'Namespace', name: 'ns', uid: 'n' }],
  };
  const there = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data: { old: encoded('1') } };
  const { secret, sent } = serverWith(there);
  const found = await secret.get();
  expect(found).toMatchObject({ data: { old: '1' }, resourceVersion: '7' });
  expect(await secret.put({ 'tls.crt': '2' }, 'kubernetes.io/tls', found)).toBe(true);
  const path = '/api/v1/namespaces/ns/secrets/flows';
  expect(sent).toEqual([{ method: 'PUT', path, body: { ...there, data: { 'tls.crt': encoded('2') } } }]);
});

test('a new one is made', async () => {
  const { secret, sent } = serverWith(undefined);
  expect(await secret.put({ key: 'k' }, 'Opaque', undefined)).toBe(true);
  expect(sent).toMatchObject([
    {
      method: 'POST',
      path: '/api/v1/namespaces/ns/secrets',
      body: { metadata: { name: 'flows', namespace: 'ns' }, type: 'Opaque', data: { key: encoded('k') } },
    },
  ]);
});
