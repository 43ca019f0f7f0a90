import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JsonObject } from '../json.ts';
import { PODS, podOf, TestServer } from '../testkit.ts';

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const ACCOUNT = { namespace: 'default', name: 'app' };

let api: TestServer;
beforeEach(async () => {
  api = await TestServer.start();
});
afterEach(async () => await api[Symbol.asyncDispose]());

const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE', 'DELETE'], resources: ['pods'] };

async function policy(spec: JsonObject, binding: JsonObject = {}): Promise<void> {
  const metadata = { name: 'p' };
  const full = { matchConstraints: { resourceRules: [rule] }, ...spec };
  expect((await api.post(`${GROUP}/validatingadmissionpolicies`, { metadata, spec: full })).status).toBe(201);
  const bound = { policyName: 'p', validationActions: ['Deny'], ...binding };
  const { status } = await api.post(`${GROUP}/validatingadmissionpolicybindings`, {
    metadata: { name: 'b' },
    spec: bound,
  });
  expect(status).toBe(201);
}

const labelled = (name: string, labels: Record<string, string>) => ({ ...podOf(name), metadata: { name, labels } });

test('a policy that is bound denies what it does not want, in the words of Kubernetes', async () => {
  await policy({ validations: [{ expression: "object.metadata.name != 'bad'" }] }, {});
  expect((await api.post(PODS, podOf('good'))).status).toBe(201);
  const { status, body } = await api.post(PODS, podOf('bad'));
  expect({ status, reason: body['reason'], message: body['message'] }).toEqual({
    status: 422,
    reason: 'Invalid',
    message:
      "pods \"bad\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: object.metadata.name != 'bad'",
  });
  await api.delete(`${GROUP}/validatingadmissionpolicybindings/b`);
  expect((await api.post(PODS, podOf('bad'))).status).toBe(201);
});

test('it sees what was, who asks and what for; variables and messages are made of that', async () => {
  await policy({
    variables: [
      { name: 'who', expression: 'request.userInfo.username' },
      { name: 'said', expression: "variables.who + ' may not ' + request.operation" },
    ],
    validations: [
      { expression: "request.operation != 'DELETE'", messageExpression: 'variables.said', reason: 'Forbidden' },
      {
        expression: 'oldObject == null || object.metadata.labels.app == oldObject.metadata.labels.app',
        message: 'app stays',
      },
    ],
  });
  expect((await api.post(PODS, labelled('a', { app: 'x' }))).status).toBe(201);
  expect((await api.patch(`${PODS}/a`, 'merge', { metadata: { labels: { app: 'y' } } })).body['message']).toContain(
    'denied request: app stays',
  );
  expect((await api.patch(`${PODS}/a`, 'merge', { metadata: { labels: { other: 'y' } } })).status).toBe(200);
  const { status, body } = await api.delete(`${PODS}/a`);
  expect(status).toBe(403);
  expect(body['message']).toContain('denied request: system:admin may not DELETE');
  expect((await api.delete(PODS)).status).toBe(403);
});

test('what has no answer is denied, or let pass, as the policy says', async () => {
  const validations = [{ expression: "object.metadata.labels.app == 'x'" }];
  await policy({ validations });
  expect((await api.post(PODS, podOf('none'))).body['message']).toContain('resulted in error: No such key: labels');
  await api.patch(`${GROUP}/validatingadmissionpolicies/p`, 'merge', { spec: { failurePolicy: 'Ignore' } });
  expect((await api.post(PODS, podOf('none'))).status).toBe(201);
  expect((await api.post(PODS, labelled('other', { app: 'y' }))).status).toBe(422);
});

test('conditions, selectors and rules say what it is asked about', async () => {
  await policy(
    {
      matchConditions: [{ name: 'not-admin', expression: "request.userInfo.username != 'system:admin'" }],
      validations: [{ expression: 'false' }],
    },
    { matchResources: { objectSelector: { matchLabels: { app: 'x' } } } },
  );
  expect((await api.post(PODS, labelled('a', { app: 'x' }))).status).toBe(201);
  const { store, tokens } = api.server;
  store.create('serviceaccounts', { metadata: ACCOUNT });
  store.create('rolebindings', {
    metadata: { name: 'edit', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    subjects: [{ kind: 'ServiceAccount', ...ACCOUNT }],
  });
  const authorization = `Bearer ${tokens.issue(ACCOUNT).token}`;
  expect((await api.post(PODS, labelled('b', { app: 'y' }), { authorization })).status).toBe(201);
  expect((await api.post(PODS, labelled('c', { app: 'x' }), { authorization })).status).toBe(422);
  const config = { metadata: { name: 'c', labels: { app: 'x' } } };
  expect((await api.post('/api/v1/namespaces/default/configmaps', config, { authorization })).status).toBe(201);
});

test('a namespace is selected by its labels, and parameters are what the binding names', async () => {
  await api.patch('/api/v1/namespaces/default', 'merge', { metadata: { labels: { strict: 'yes' } } });
  await api.post('/api/v1/namespaces', { metadata: { name: 'free' } });
  await api.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'limits' }, data: { name: 'only' } });
  await policy(
    {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [{ expression: 'object.metadata.name == params.data.name' }],
    },
    {
      paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' },
      matchResources: { namespaceSelector: { matchLabels: { strict: 'yes' } } },
    },
  );
  expect((await api.post(PODS, podOf('only'))).status).toBe(201);
  expect((await api.post(PODS, podOf('other'))).status).toBe(422);
  expect((await api.post('/api/v1/namespaces/free/pods', podOf('other'))).status).toBe(201);
  await api.delete('/api/v1/namespaces/default/configmaps/limits');
  expect((await api.post(PODS, podOf('third'))).body['message']).toContain('no params found');
});

test('one that only warns does', async () => {
  await policy({ validations: [{ expression: 'false', message: 'no' }] }, { validationActions: ['Warn'] });
  const { status, headers } = await api.post(PODS, podOf('a'));
  expect([status, headers.get('warning')]).toEqual([
    201,
    "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no\"",
  ]);
});

test('one that cannot be is refused, and none locks its author out', async () => {
  const refused = async (spec: JsonObject) =>
    (await api.post(`${GROUP}/validatingadmissionpolicies`, { metadata: { name: 'q' }, spec })).body['message'];
  const matchConstraints = { resourceRules: [rule] };
  expect(await refused({ matchConstraints, validations: [{ expression: 'object.' }] })).toContain('compilation failed');
  expect(await refused({ matchConstraints })).toContain('spec.validations: Required value');
  expect(await refused({ validations: [{ expression: 'true' }] })).toContain('spec.matchConstraints: Required value');
  const every = { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*', '*'] };
  await policy({ matchConstraints: { resourceRules: [every] }, validations: [{ expression: 'false' }] });
  expect((await api.post(PODS, podOf('a'))).status).toBe(422);
  expect((await api.delete(`${GROUP}/validatingadmissionpolicies/p`)).status).toBe(200);
});

test('an expression asks what the one who asks may do besides', async () => {
  await policy({
    validations: [
      {
        expression:
          "authorizer.group('apps').resource('deployments').subresource('scale').namespace('default').name(object.metadata.name).check('get').allowed()",
      },
    ],
  });
  const { store, tokens } = api.server;
  store.create('serviceaccounts', { metadata: ACCOUNT });
  const subjects = [{ kind: 'ServiceAccount', ...ACCOUNT }];
  const rules = [
    { apiGroups: [''], resources: ['pods'], verbs: ['create'] },
    { apiGroups: ['apps'], resources: ['deployments/scale'], resourceNames: ['mine'], verbs: ['get'] },
  ];
  store.create('roles', { metadata: { name: 'some', namespace: 'default' }, rules });
  store.create('rolebindings', {
    metadata: { name: 'some', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'some' },
    subjects,
  });
  const authorization = `Bearer ${tokens.issue(ACCOUNT).token}`;
  expect((await api.post(PODS, podOf('mine'), { authorization })).status).toBe(201);
  expect((await api.post(PODS, podOf('other'), { authorization })).status).toBe(422);
  expect((await api.post(PODS, podOf('other'))).status, 'who may do everything').toBe(201);
});
