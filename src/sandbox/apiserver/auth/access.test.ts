import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../../base/testkit.ts';
import type { Json } from '../json.ts';
import type { ApiStore } from '../store/api-store.ts';
import { PODS, podOf, TestServer } from '../testkit.ts';

const clock = new FakeClock(Date.UTC(2026, 0, 1));
const ACCOUNT = { namespace: 'default', name: 'app' };
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

let api: TestServer;
let store: ApiStore;

beforeEach(async () => {
  api = await TestServer.start({ clock });
  ({ store } = api.server);
  store.create('serviceaccounts', { metadata: ACCOUNT });
});
afterEach(async () => await api[Symbol.asyncDispose]());

const token = (request = {}): string => api.server.tokens.issue(ACCOUNT, request).token;
const as = (bearer: string) => ({ authorization: `Bearer ${bearer}` });

function bind(role: string, namespace?: string, subject: Json = { kind: 'ServiceAccount', ...ACCOUNT }): void {
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
  const metadata = { name: `${role}-of-app`, ...(namespace === undefined ? {} : { namespace }) };
  store.create(namespace === undefined ? 'clusterrolebindings' : 'rolebindings', {
    metadata,
    roleRef,
    subjects: [subject],
  });
}

test('a token says whose it is, and lets him do nothing else', async () => {
  const bearer = token();
  const who = await api.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, as(bearer));
  expect(who.body).toMatchObject({
    status: {
      userInfo: {
        username: 'system:serviceaccount:default:app',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      },
    },
  });
  const { status, body } = await api.get(PODS, as(bearer));
  expect({ status, message: body['message'] }).toEqual({
    status: 403,
    message:
      'pods is forbidden: User "system:serviceaccount:default:app" cannot list resource "pods" in API group "" in the namespace "default"',
  });
  expect((await api.get('/apis/apps/v1', as(bearer))).status).toBe(200);
});

test('a role of the namespace, of another, of the cluster', async () => {
  const bearer = as(token());
  store.create('pods', podOf('a'), { namespace: 'default' });
  bind('view', 'kube-system');
  expect((await api.get(PODS, bearer)).status).toBe(403);
  bind('view', 'default');
  expect((await api.get(PODS, bearer)).status).toBe(200);
  expect((await api.get('/api/v1/namespaces/default/secrets', bearer)).status).toBe(403);
  expect((await api.request('DELETE', `${PODS}/a`, bearer)).body['message']).toBe(
    'pods "a" is forbidden: User "system:serviceaccount:default:app" cannot delete resource "pods" in API group "" in the namespace "default"',
  );
  expect((await api.get('/api/v1/pods', bearer)).status).toBe(403);
  bind('view');
  expect((await api.get('/api/v1/pods', bearer)).status).toBe(200);
});

test('an aggregated role has what others hand to it', async () => {
  bind('admin', 'default');
  const bearer = as(token());
  expect((await api.get(PODS, bearer)).status).toBe(200);
  const widgets = { verbs: ['list'], apiGroups: ['example.test'], resources: ['widgets'] };
  const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
  store.create('clusterroles', { metadata: { name: 'widgets-view', labels }, rules: [widgets] });
  const { body } = await api.post(
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    {
      spec: { resourceAttributes: { namespace: 'default', verb: 'list', group: 'example.test', resource: 'widgets' } },
    },
    bearer,
  );
  expect(body).toMatchObject({
    status: { allowed: true, reason: expect.stringContaining('RBAC: allowed by RoleBinding "admin-of-app/default"') },
  });
});

test('nobody hands out more than he has', async () => {
  bind('admin', 'default');
  const bearer = as(token());
  const roles = `${RBAC}/namespaces/default/roles`;
  const role = (name: string, resources: string[]) => ({
    metadata: { name },
    rules: [{ verbs: ['get'], apiGroups: [''], resources }],
  });
  expect((await api.post(roles, role('fine', ['secrets']), bearer)).status).toBe(201);
  const { status, body } = await api.post(roles, role('more', ['nodes']), bearer);
  expect(status).toBe(403);
  expect(body['message']).toContain('is attempting to grant RBAC permissions not currently held');
  const binding = {
    metadata: { name: 'all' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', ...ACCOUNT }],
  };
  expect((await api.post(`${RBAC}/namespaces/default/rolebindings`, binding, bearer)).status).toBe(403);
});

test('a token ends with its time, its account, and what it is bound to', async () => {
  store.create('pods', podOf('a', { serviceAccountName: 'app' }), { namespace: 'default' });
  const check = (bearer: string) => api.server.tokens.verify(bearer)?.user.extra;
  const bound = token({ bound: { kind: 'Pod', name: 'a' } });
  expect(check(bound)).toMatchObject({ 'authentication.kubernetes.io/pod-name': ['a'] });
  store.delete('pods', { namespace: 'default', name: 'a' }, { gracePeriodSeconds: 0 });
  expect(check(bound)).toBeUndefined();
  const short = token({ expirationSeconds: 600 });
  await clock.advance(599_000);
  expect(check(short)).toBeDefined();
  await clock.advance(2_000);
  expect(check(short)).toBeUndefined();
  const long = token();
  store.delete('serviceaccounts', ACCOUNT);
  store.create('serviceaccounts', { metadata: ACCOUNT });
  expect(check(long)).toBeUndefined();
  expect((await api.get('/api', as(long))).status).toBe(401);
});

test('a token for others is none for this server', async () => {
  const other = token({ audiences: ['vault'] });
  expect((await api.get('/api', as(other))).status).toBe(401);
  const review = (spec: Json) => api.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec });
  expect((await review({ token: other, audiences: ['vault', 'x'] })).body).toMatchObject({
    status: { authenticated: true, audiences: ['vault'], user: { username: 'system:serviceaccount:default:app' } },
  });
  expect((await review({ token: other })).body).toMatchObject({
    status: { error: expect.stringContaining('invalid bearer token') },
  });
});

test.each(['', 'a', 'a.b', 'a.b.c', '.e30.'])('no token: %j', (text) => {
  expect(api.server.tokens.verify(text)).toBeUndefined();
});

test('a token of another key, or changed, is none', async () => {
  const [head = '', body = '', signature = ''] = token().split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'system:admin' })).toString('base64url');
  expect(api.server.tokens.verify(`${head}.${changed}.${signature}`)).toBeUndefined();
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  expect(api.server.tokens.verify(`${none}.${body}.`)).toBeUndefined();
  await using other = await TestServer.start();
  other.server.store.create('serviceaccounts', { metadata: ACCOUNT });
  expect(api.server.tokens.verify(other.server.tokens.issue(ACCOUNT).token)).toBeUndefined();
});

test('tokens that cannot be', () => {
  expect(() => token({ expirationSeconds: 60 })).toThrow('may not specify a duration less than 10 minutes');
  expect(() => token({ bound: { kind: 'Pod', name: 'a' } })).toThrow('pods "a" not found');
  store.create('pods', podOf('other'), { namespace: 'default' });
  expect(() => token({ bound: { kind: 'Pod', name: 'other' } })).toThrow('different serviceaccount name');
  expect(() => token({ bound: { kind: 'Secret', name: 'a', uid: 'x' } })).toThrow('secrets "a" not found');
});

test('who may not impersonate, does not', async () => {
  const headers = { 'impersonate-user': 'system:admin', 'impersonate-group': 'system:masters' };
  const response = await fetch(`${api.url}${PODS}`, { headers: { authorization: `Bearer ${token()}`, ...headers } });
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({
    message:
      'users "system:admin" is forbidden: User "system:serviceaccount:default:app" cannot impersonate resource "users" in API group "" at the cluster scope',
  });
});

test.each([
  ['view', '', 'pods', ['get', 'list', 'watch']],
  ['view', '', 'secrets', []],
  ['edit', '', 'secrets', ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']],
  ['edit', 'rbac.authorization.k8s.io', 'roles', []],
  [
    'admin',
    'rbac.authorization.k8s.io',
    'roles',
    ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  ],
])('%s may do of %s %s what it may on any cluster', async (role, group, resource, verbs) => {
  const bearer = as(token());
  bind(role, 'default');
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const may: string[] = [];
  for (const verb of ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']) {
    const spec = { resourceAttributes: { namespace: 'default', verb, group, resource } };
    const { body } = await api.post(path, { spec }, bearer);
    if ((body['status'] as { allowed: boolean }).allowed) may.push(verb);
  }
  expect(may).toEqual(verbs);
});
