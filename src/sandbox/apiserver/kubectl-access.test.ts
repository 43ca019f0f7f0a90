import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { Kubectl, kubectls } from '../kubectl-testkit.ts';
import { type ApiServer, createApiServer } from './server.ts';
import { podOf, TEST_TOKEN } from './testkit.ts';

const programs = kubectls();
if (programs.length === 0) test.skip('kubectl: not installed', () => undefined);

describe.each(programs)('%s and who may do what', (program) => {
  let server: ApiServer;
  let kubectl: Kubectl;

  beforeAll(async () => {
    server = createApiServer({ database: ':memory:', token: TEST_TOKEN, log: silentLogger });
    kubectl = await Kubectl.connect(program, server, TEST_TOKEN);
  });
  afterAll(async () => {
    await kubectl?.close();
    await server?.close();
  });

  test('who am I', async () => {
    expect(await kubectl.succeeds('auth', 'whoami')).toMatch(/Username\s+system:admin\nGroups\s+\[system:masters/);
    const other = await kubectl.succeeds('auth', 'whoami', '--as=jane', '--as-group=devs', '-o', 'json');
    expect(JSON.parse(other)).toMatchObject({
      status: { userInfo: { username: 'jane', groups: ['devs', 'system:authenticated'] } },
    });
  });

  test('an impersonated user may do what his roles say', async () => {
    const { code, out } = await kubectl.run('--as=jane', 'get', 'pods');
    expect(code).toBe(1);
    expect(out).toContain(
      'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    const can = await kubectl.run('--as=jane', 'auth', 'can-i', 'list', 'pods');
    expect([can.code, can.out]).toEqual([1, 'no\n']);
    await kubectl.succeeds(
      'create',
      'role',
      'reader',
      '--verb=get,list,watch',
      '--resource=pods,deployments.apps/scale',
    );
    await kubectl.succeeds('create', 'rolebinding', 'jane', '--role=reader', '--user=jane');
    expect(await kubectl.succeeds('--as=jane', 'get', 'pods')).toContain('No resources found in default namespace');
    expect(await kubectl.succeeds('--as=jane', 'auth', 'can-i', 'list', 'pods')).toBe('yes\n');
    expect(await kubectl.succeeds('--as=jane', 'auth', 'can-i', '--list')).toMatch(
      /pods\s+\[\]\s+\[\]\s+\[get list watch\]/,
    );
    expect((await kubectl.run('--as=jane', 'get', 'pods', '-A')).out).toContain('at the cluster scope');
    server.store.create('pods', podOf('web'), { namespace: 'default' });
    expect((await kubectl.run('--as=jane', 'exec', 'web', '--', 'true')).out).toMatch(
      /pods "web" is forbidden: User "jane" cannot (get|create) resource "pods\/exec"/,
    );
    expect(await kubectl.succeeds('describe', 'rolebinding', 'jane')).toMatch(/User\s+jane/);
    expect(await kubectl.succeeds('get', 'rolebindings', '-o', 'wide')).toMatch(/jane\s+Role\/reader\s+\S+\s+jane/);
  });

  test('roles of the cluster', async () => {
    await kubectl.succeeds('create', 'clusterrole', 'nodes', '--verb=get', '--resource=nodes');
    await kubectl.succeeds('create', 'clusterrole', 'health', '--verb=get', '--non-resource-url=/healthz');
    await kubectl.succeeds('create', 'clusterrole', 'agg', '--aggregation-rule=a=b');
    await kubectl.succeeds('create', 'clusterrolebinding', 'ops', '--clusterrole=nodes', '--group=ops');
    await kubectl.succeeds(
      'create',
      'clusterrolebinding',
      'root',
      '--clusterrole=cluster-admin',
      '--serviceaccount=default:default',
    );
    expect(await kubectl.succeeds('--as=x', '--as-group=ops', 'auth', 'can-i', 'get', 'nodes')).toContain('yes');
    expect(await kubectl.succeeds('--as=system:serviceaccount:default:default', 'auth', 'can-i', '*', '*')).toBe(
      'yes\n',
    );
    expect(await kubectl.succeeds('describe', 'clusterrole', 'nodes')).toMatch(/nodes\s+\[\]\s+\[\]\s+\[get\]/);
    expect(await kubectl.succeeds('get', 'clusterroles', 'view', 'cluster-admin')).toMatch(/view\s+20\d\d-/);
  });

  test('a token is made, and is one', async () => {
    const token = (
      await kubectl.succeeds(
        'create',
        'token',
        'default',
        '--duration=20m',
        '--audience=https://kubernetes.default.svc.cluster.local',
      )
    ).trim();
    expect(await kubectl.succeeds('--token', token, 'auth', 'whoami')).toContain(
      'system:serviceaccount:default:default',
    );
    const refused = await kubectl.run('create', 'token', 'default', '--duration=1m');
    expect(refused.out).toContain('may not specify a duration less than 10 minutes');
    expect((await kubectl.run('create', 'token', 'nobody')).out).toContain('serviceaccounts "nobody" not found');
  });

  test('auth reconcile', async () => {
    const file = await kubectl.file(
      'role.yaml',
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: default}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n',
    );
    expect(await kubectl.succeeds('auth', 'reconcile', '-f', file)).toContain(
      'role.rbac.authorization.k8s.io/r reconciled',
    );
  });
});
