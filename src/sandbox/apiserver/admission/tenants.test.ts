import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { JsonObject } from '../json.ts';
import { TestServer } from '../testkit.ts';

const DEPLOY = resolve(import.meta.dirname, '../../../../deploy');
const objectsIn = (file: string): JsonObject[] =>
  parseAllDocuments(readFileSync(resolve(DEPLOY, file), 'utf8')).map((document) => document.toJS() as JsonObject);
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const TENANTS = '/apis/membrane.io/v1alpha1/tenants';
const ACCOUNT = { namespace: 'default', name: 'team' };

test('a namespace of a tenant’s name is made by who may assign it, and nobody else', async () => {
  await using api = await TestServer.start();
  const made = async (path: string, object: JsonObject) => (await api.post(path, object)).status;
  for (const crd of objectsIn('crds/tenants.yaml')) {
    expect(await made('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)).toBe(201);
  }
  for (const object of objectsIn('admission/policy.yaml')) {
    const plural = object['kind'] === 'ValidatingAdmissionPolicy' ? 'policies' : 'policybindings';
    expect(await made(`${ADMISSION}/validatingadmission${plural}`, object)).toBe(201);
  }
  const { store, tokens } = api.server;
  store.create('serviceaccounts', { metadata: ACCOUNT });
  const grant = (name: string, rules: JsonObject[]): void => {
    store.create('clusterroles', { metadata: { name }, rules });
    store.create('clusterrolebindings', {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', ...ACCOUNT }],
    });
  };
  grant('namespaces', [{ apiGroups: [''], resources: ['namespaces'], verbs: ['create', 'patch'] }]);
  const authorization = `Bearer ${tokens.issue(ACCOUNT).token}`;
  const make = async (name: string): Promise<number> =>
    (await api.post('/api/v1/namespaces', { metadata: { name } }, { authorization })).status;

  expect(await make('shop-early'), 'while there is no Tenant').toBe(201);
  const tenant = (name: string, namespaces: JsonObject) => ({ metadata: { name }, spec: { namespaces } });
  expect(await made(TENANTS, tenant('shop', { prefix: 'shop-', names: ['checkout'] }))).toBe(201);
  expect(await made(TENANTS, tenant('billing', { names: ['ledger'] }))).toBe(201);

  expect([await make('shop-evil'), await make('checkout'), await make('ledger')]).toEqual([403, 403, 403]);
  expect([await make('shop'), await make('other')]).toEqual([201, 201]);
  const { body } = await api.post('/api/v1/namespaces', { metadata: { name: 'ledger' } }, { authorization });
  expect(body['message']).toContain('those of tenant billing: to make one needs the verb assign on it');

  const rule = { apiGroups: ['membrane.io'], resources: ['tenants'], resourceNames: ['shop'], verbs: ['assign'] };
  grant('shop', [rule]);
  expect([await make('shop-new'), await make('checkout'), await make('ledger')]).toEqual([201, 201, 403]);
  expect(await made('/api/v1/namespaces', { metadata: { name: 'ledger' } }), 'the administrator').toBe(201);
});
