import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { JsonObject } from '../json.ts';
import { TEST_TOKEN, TestServer } from '../testkit.ts';

const DEPLOY = resolve(import.meta.dirname, '../../../../deploy');
const objectsIn = (file: string): JsonObject[] =>
  parseAllDocuments(readFileSync(resolve(DEPLOY, file), 'utf8')).map((document) => document.toJS() as JsonObject);
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const TENANTS = '/apis/membrane.io/v1alpha1/tenants';
const ACCOUNT = { namespace: 'default', name: 'team' };

const install = async (api: TestServer): Promise<void> => {
  const made = async (path: string, object: JsonObject) => (await api.post(path, object)).status;
  for (const crd of objectsIn('crds/tenants.yaml')) {
    expect(await made('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)).toBe(201);
  }
  for (const object of objectsIn('admission/policy.yaml')) {
    const plural = object['kind'] === 'ValidatingAdmissionPolicy' ? 'policies' : 'policybindings';
    expect(await made(`${ADMISSION}/validatingadmission${plural}`, object)).toBe(201);
  }
};

test('a namespace of a tenant’s name is made by who may assign it, and nobody else', async () => {
  await using api = await TestServer.start();
  const made = async (path: string, object: JsonObject) => (await api.post(path, object)).status;
  await install(api);
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

test('what is not there yet, or never will be, is refused, and says so', async () => {
  await using api = await TestServer.start();
  await install(api);
  const namespaces = { names: ['shop'] };
  const refused: [JsonObject, string, string][] = [
    [{ boundary: { world: 'Listed' } }, 'boundary.world', 'needs at least one'],
    [{ boundary: { world: 'Listed' }, world: { cidrs: [] } }, 'boundary.world', 'needs at least one'],
    [{ boundary: { inside: 'Allow' } }, 'boundary.inside', 'would lift policies'],
    [{ world: { cidrs: ['192.0.2.0/24'] } }, 'world', 'says nothing unless'],
    [{ boundary: { world: 'Listed' }, world: { cidrs: ['192.0.2.0'] } }, 'world.cidrs', '192.0.2.0'],
    [{ boundary: { world: 'Listed' }, world: { cidrs: ['192.0.2.0/33'] } }, 'world.cidrs', '192.0.2.0/33'],
    [{ world: { metadata: 'Sometimes' } }, 'world.metadata', 'Never'],
    [{ visibility: { peers: 'Everything' } }, 'visibility.peers', 'TenantName'],
    [{ limits: { flowEventsPerSecond: 0 } }, 'limits.flowEventsPerSecond', 'greater than or equal to 1'],
    [{ mode: 'Rehearse' }, 'mode', 'Warn'],
  ];
  for (const [more, field, why] of refused) {
    const { status, body } = await api.post(TENANTS, { metadata: { name: 'shop' }, spec: { namespaces, ...more } });
    expect([field, status]).toEqual([field, 422]);
    expect(body['message']).toContain(field);
    expect(body['message']).toContain(why);
  }
  const world = { cidrs: ['192.0.2.0/24', '0.0.0.0/0', '2001:db8::/32', '::/0', '::ffff:192.0.2.0/120'] };
  const spec = { namespaces, mode: 'Observe', boundary: { world: 'Listed' }, world };
  const { status, body } = await api.post(TENANTS, { metadata: { name: 'shop' }, spec });
  expect([status, (body['spec'] as JsonObject)['world']]).toEqual([201, { ...world, metadata: 'Never' }]);
});

describe('of a Tenant, who may update Tenants changes', () => {
  const spec = {
    namespaces: { names: ['shop'] },
    owners: [
      { kind: 'Group', name: 'shop-devs' },
      { kind: 'ServiceAccount', namespace: 'default', name: 'deployer' },
      { kind: 'User', name: 'ada' },
    ],
    limits: { connections: 10 },
  };
  const exports = [{ name: 'api', service: 'shop/api', to: ['billing'] }];

  async function world(): Promise<AsyncDisposable & { change(as: As, patch: JsonObject): Promise<number> }> {
    const api = await TestServer.start();
    await install(api);
    for (const object of objectsIn('rbac.yaml')) {
      const name = (object['metadata'] as JsonObject)['name'] as string;
      if (name.startsWith('membrane-tenant-owner')) api.server.store.create('clusterroles', object);
    }
    const subjects = [
      ...['ada', 'eve'].map((name) => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name })),
      { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'shop-devs' },
      { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccounts' },
    ];
    const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'membrane-tenant-owner' };
    api.server.store.create('clusterrolebindings', { metadata: { name: 'owners' }, roleRef: role, subjects });
    expect((await api.post(TENANTS, { metadata: { name: 'shop' }, spec })).status).toBe(201);
    return {
      change: async (as, patch) => {
        const headers = {
          authorization: `Bearer ${TEST_TOKEN}`,
          'content-type': 'application/merge-patch+json',
          ...as,
        };
        const body = JSON.stringify(patch);
        return (await fetch(`${api.url}${TENANTS}/shop`, { method: 'PATCH', headers, body })).status;
      },
      [Symbol.asyncDispose]: async () => await api[Symbol.asyncDispose](),
    };
  }

  type As = Readonly<Record<string, string>>;
  const user = (name: string, ...groups: string[]): As => ({
    'impersonate-user': name,
    ...(groups.length === 0 ? {} : { 'impersonate-group': groups.join() }),
  });
  const shares = { spec: { exports } };

  test.each<[string, As]>([
    ['a user', user('ada')],
    ['one of a group', user('bob', 'shop-devs')],
    ['an account', user('system:serviceaccount:default:deployer', 'system:serviceaccounts')],
  ])('exports and imports, and nothing else, when it is an owner: %s', async (_who, as) => {
    await using at = await world();
    expect(await at.change(as, shares)).toBe(200);
    expect(await at.change(as, { spec: { imports: [{ tenant: 'billing', export: 'x' }], exports: null } })).toBe(200);
    const refused: JsonObject[] = [
      { spec: { namespaces: { names: ['shop', 'billing'] } } },
      { spec: { namespaces: { prefix: 'b' } } },
      { spec: { boundary: { world: 'Open' } } },
      { spec: { systemServices: ['dns', 'apiserver'] } },
      { spec: { visibility: { peers: 'Full' } } },
      { spec: { limits: null } },
      { spec: { limits: { connections: 11 } } },
      { spec: { owners: [...spec.owners, { kind: 'User', name: 'eve' }] } },
      { spec: { exports, boundary: { nodes: 'Open' } } },
      { metadata: { finalizers: ['example.com/keep'] } },
    ];
    for (const patch of refused) expect([patch, await at.change(as, patch)]).toEqual([patch, 403]);
  });

  test.each<[string, As]>([
    ['a user', user('eve')],
    ['an account of the owner’s name', user('system:serviceaccount:other:deployer', 'system:serviceaccounts')],
  ])('nothing when it is none: %s', async (_who, as) => {
    await using at = await world();
    expect(await at.change(as, shares)).toBe(403);
    expect(await at.change({}, { spec: { limits: null, boundary: { world: 'Open' } } }), 'who may assign').toBe(200);
  });
});

test('a policy is staged or it is not: another value of the annotation is refused, and what was stored may be mended', async () => {
  await using api = await TestServer.start();
  const path = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
  const policy = (name: string, annotations?: JsonObject): JsonObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: 'default', ...(annotations && { annotations }) },
    spec: { podSelector: {} },
  });
  const stage = (value: string): JsonObject => ({ 'membrane.io/stage': value });
  expect((await api.post(path, policy('stored', stage('yes')))).status).toBe(201);
  await install(api);
  for (const value of ['false', 'True', ' true', '', 'dry-run']) {
    const { status, body } = await api.post(path, policy('new', stage(value)));
    expect([value, status]).toEqual([value, 422]);
    expect(body['message']).toContain('annotation membrane.io/stage is "true" while the policy is staged');
  }
  for (const [name, annotations] of [
    ['plain', undefined],
    ['other', { team: 'shop' }],
    ['staged', stage('true')],
  ] as const) {
    expect((await api.post(path, policy(name, annotations))).status).toBe(201);
  }
  const patch = async (name: string, metadata: JsonObject): Promise<number> =>
    (await api.patch(`${path}/${name}`, 'merge', { metadata })).status;
  expect(await patch('staged', { annotations: { 'membrane.io/stage': 'no' } })).toBe(422);
  expect(await patch('staged', { annotations: { 'membrane.io/stage': null } })).toBe(200);
  expect(await patch('stored', { labels: { a: 'b' } })).toBe(200);
  expect(await patch('stored', { annotations: { 'membrane.io/stage': 'no' } })).toBe(422);
  expect(await patch('stored', { annotations: { 'membrane.io/stage': 'true' } })).toBe(200);
});

test('what says what the floor does is written by the operator alone, which writes nothing else, and deleted by anybody', async () => {
  await using api = await TestServer.start();
  await install(api);
  const { store, tokens } = api.server;
  const operator = { namespace: 'membrane', name: 'membrane-operator' };
  store.create('namespaces', { metadata: { name: 'membrane' } });
  store.create('serviceaccounts', { metadata: operator });
  store.create('clusterroles', {
    metadata: { name: 'policies' },
    rules: [{ apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['*'] }],
  });
  store.create('clusterrolebindings', {
    metadata: { name: 'policies' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'policies' },
    subjects: [{ kind: 'ServiceAccount', ...operator }],
  });
  const path = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
  const policy = (name: string, labels?: JsonObject): JsonObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: 'default', ...(labels && { labels }) },
    spec: { podSelector: {} },
  });
  const mark = { 'membrane.io/mirror': 'floor' };
  const as = { authorization: `Bearer ${tokens.issue(operator).token}` };
  const make = async (object: JsonObject, headers = {}): Promise<number> =>
    (await api.post(path, object, headers)).status;
  expect([await make(policy('thief', mark)), await make(policy('plain'))]).toEqual([403, 201]);
  expect([await make(policy('mirror', mark), as), await make(policy('own'), as)]).toEqual([201, 403]);
  const patch = async (name: string, labels: JsonObject): Promise<number> =>
    (await api.patch(`${path}/${name}`, 'merge', { metadata: { labels } })).status;
  expect([await patch('plain', mark), await patch('mirror', { 'membrane.io/mirror': null })]).toEqual([403, 403]);
  const remove = async (name: string, who: { authorization?: string } = {}): Promise<number> =>
    (await api.request('DELETE', `${path}/${name}`, who)).status;
  expect([await remove('plain', as), await remove('mirror', as)]).toEqual([403, 200]);
  expect([await make(policy('mirror', mark), as), await remove('mirror')]).toEqual([201, 200]);
});

describe('whoever has the operator’s token', () => {
  const OPERATOR = { namespace: 'membrane', name: 'membrane-operator' };

  async function stolen(api: TestServer): Promise<Readonly<Record<string, string>>> {
    await install(api);
    const { store, tokens } = api.server;
    store.create('namespaces', { metadata: { name: 'membrane' } });
    store.create('serviceaccounts', { metadata: OPERATOR });
    for (const object of objectsIn('rbac.yaml')) {
      const plural = `${(object['kind'] as string).toLowerCase()}s`;
      if (['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'].includes(plural))
        store.create(plural, object);
    }
    return { authorization: `Bearer ${tokens.issue(OPERATOR).token}` };
  }

  test('makes no Secret that would be filled in with another account’s token', async () => {
    await using api = await TestServer.start();
    const as = await stolen(api);
    const make = async (namespace: string, name: string, type: string | undefined): Promise<number> => {
      const annotations = { 'kubernetes.io/service-account.name': 'clusterrole-aggregation-controller' };
      const data = type === 'kubernetes.io/tls' ? { data: { 'tls.crt': '', 'tls.key': '' } } : {};
      const secret = { metadata: { name, namespace, annotations }, ...(type && { type }), ...data };
      return (await api.post(`/api/v1/namespaces/${namespace}/secrets`, secret, as)).status;
    };
    const token = 'kubernetes.io/service-account-token';
    expect(await make('kube-system', 'hubble-relay', token)).toBe(403);
    expect(await make('membrane', 'membrane-hubble-node', token)).toBe(403);
    expect(await make('membrane', 'membrane-hubble-ca', 'kubernetes.io/tls')).toBe(403);
    expect(await make('membrane', 'another', 'Opaque')).toBe(403);
    expect(await make('kube-system', 'hubble-relay', 'kubernetes.io/tls')).toBe(201);
    expect(await make('membrane', 'membrane-hubble-node', 'kubernetes.io/tls')).toBe(201);
    expect(await make('membrane', 'membrane-hubble-ca', undefined)).toBe(201);
  });

  test('lifts no floor: of a Tenant it changes what keeps it, and not what it says', async () => {
    await using api = await TestServer.start();
    const as = await stolen(api);
    const spec = { namespaces: { names: ['shop'] } };
    expect((await api.post(TENANTS, { metadata: { name: 'shop' }, spec })).status).toBe(201);
    const change = async (patch: JsonObject): Promise<number> => {
      const headers = { ...as, 'content-type': 'application/merge-patch+json' };
      const sent = { method: 'PATCH', headers, body: JSON.stringify(patch) };
      return (await fetch(`${api.url}${TENANTS}/shop`, sent)).status;
    };
    const owner = { apiVersion: 'v1', kind: 'Node', name: 'gone', uid: 'gone' };
    const refused: JsonObject[] = [
      { spec: { mode: 'Observe' } },
      { spec: { boundary: { world: 'Open' } } },
      { spec: { namespaces: { names: ['other'] } } },
      { metadata: { ownerReferences: [owner] } },
    ];
    for (const patch of refused) expect([patch, await change(patch)]).toEqual([patch, 403]);
    expect(await change({ metadata: { finalizers: ['membrane.io/namespaces'] } })).toBe(200);
    expect(await change({ metadata: { finalizers: [] } })).toBe(200);
  });
});
