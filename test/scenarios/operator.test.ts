import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiClient } from '../../src/api/index.ts';
import { errorMessage } from '../../src/base/index.ts';
import { probe } from '../../src/demonstration/tools/frame-tool.ts';
import { findConnection, KubeClient } from '../../src/kube/index.ts';
import { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';
import { STATE_DIR } from '../../src/sandbox/machine/index.ts';
import { waitForMachine } from '../../src/sandbox/testkit.ts';
import { eventually } from './agent-lab.ts';
import { ClusterPage } from './cluster-page.ts';

/** What is done once for the cluster, and who may do what: two nodes, each with the rights of deploy/ and no others. */
describe('a cluster of two nodes', () => {
  const cluster = new SandboxCluster();
  const page = new ClusterPage();
  /** The 0.01 percent of all numbers. */
  const SHARE = 6;

  beforeAll(async () => {
    await waitForMachine();
    await cluster.up({
      nodes: 2,
      dns: false,
      agentConfig: { identity: { namespaceShare: 0.01 }, hubble: page.hubble },
      operatorConfig: {
        identity: { interval: 0.2, rest: 0.1, namespaceShare: 0.01 },
        lease: { seconds: 3, namespace: 'membrane' },
        mirrors: true,
      },
    });
  });
  afterAll(async () => {
    await page.stop();
    await cluster.down();
  });

  /** What the API answers the agent of node-1, by the credentials that this has. */
  const answer = async (
    method: 'PATCH' | 'DELETE' | 'GET' | 'POST' | 'PUT',
    path: string,
    body?: object,
  ): Promise<string> => {
    const { kubeconfig } = cluster.node('node-1');
    const { server } = findConnection({ kubeconfig: cluster.kubeconfigPath });
    const client = new KubeClient(findConnection({ kubeconfig, apiServer: server.origin }));
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    try {
      return JSON.stringify(
        await client.request({ method, path, ...(body === undefined ? {} : { body, contentType }) }),
      );
    } catch (error) {
      return errorMessage(error);
    } finally {
      client.close();
    }
  };
  const OURS = '/apis/membrane.io/v1alpha1';
  const receipt = async (node: string): Promise<string> =>
    await answer('PATCH', `${OURS}/identityreceipts/${node}`, { spec: { heard: '1' } });
  const endpoint = async () => {
    const socketPath = join(cluster.node('node-1').agentDir, 'admin.sock');
    return (await apiClient({ socketPath }).endpoints()).find(({ pod }) => pod === 'restless');
  };
  const relabel = async (app: string): Promise<void> =>
    await cluster.patch({ resource: 'pods', namespace: 'tenant', name: 'restless' }, { metadata: { labels: { app } } });
  const numbers = async () =>
    (await cluster.list('identities')).filter(({ spec }) => JSON.stringify(spec).includes('"tenant"'));

  it('lets an agent write what is of its own node, and say nothing for others', async () => {
    const denied = "ValidatingAdmissionPolicy 'membrane-agents' with binding 'membrane-agents' denied request: ";
    for (const file of [cluster.node('node-1').kubeconfig, join(STATE_DIR, 'operator.kubeconfig')]) {
      expect(statSync(file).mode & 0o777, file).toBe(0o600);
    }
    expect(await receipt('node-1')).toContain('"heard":"1"');
    expect(await receipt('node-2')).toContain(`${denied}an agent writes the receipt of its own node, which is node-1`);
    const proof = async (node: string): Promise<string> =>
      await answer('PATCH', `${OURS}/nodeproofs/${node}`, { spec: { limited: [] } });
    await eventually('both nodes have proved something', async () => (await cluster.list('nodeproofs')).length === 2);
    expect(await proof('node-1')).toContain('"limited":[]');
    expect(await proof('node-2')).toContain(`${denied}an agent says what its own node has proved, which is node-1`);
    await cluster.apply(
      JSON.stringify({
        apiVersion: 'membrane.io/v1alpha1',
        kind: 'Identity',
        metadata: { name: '300' },
        spec: { cluster: 'default', namespace: 'none', serviceAccount: 'default' },
      }),
    );
    const patch = async (fields: object): Promise<string> => await answer('PATCH', `${OURS}/identities/300`, fields);
    expect(await patch({ retiring: true })).toContain(`${denied}an agent makes numbers and keeps them`);
    expect(await patch({ metadata: { finalizers: ['example.com/never'] } })).toContain(`${denied}a number has no`);
    expect(await answer('DELETE', `${OURS}/identities/300`)).toContain('cannot delete resource "identities"');
    expect(await answer('GET', '/api/v1/secrets')).toContain('cannot list resource "secrets"');
  });

  it('lets no agent say where pods of other nodes are', async () => {
    const denied = 'denied request: an agent writes what its own node tells, which is node-1';
    const path = (name: string): string => `${OURS}/nodeendpointslices/${name}`;
    const slice = async (node: string, index: number): Promise<object> => {
      const { uid } = (await cluster.get({ resource: 'nodes', name: node }))?.metadata ?? expect.fail();
      return {
        apiVersion: 'membrane.io/v1alpha1',
        kind: 'NodeEndpointSlice',
        metadata: { name: `${node}.${index}`, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node, uid }] },
        spec: { node, slice: index, endpoints: [] },
      };
    };
    const create = async (object: object): Promise<string> =>
      await answer('POST', `${OURS}/nodeendpointslices?fieldValidation=Strict&dryRun=All`, object);
    expect(await create(await slice('node-1', 77))).toContain('"name":"node-1.77"');
    expect(await create(await slice('node-2', 77))).toContain(denied);
    const socketPath = join(cluster.node('node-1').agentDir, 'admin.sock');
    const { findings } = await apiClient({ socketPath, timeoutMs: 60_000 }).doctor();
    expect(findings.find(({ check }) => check === 'admission')).toMatchObject({ severity: 'ok' });
    // One that is there is no more his, and he cannot take it over.
    await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } }));
    const container = { name: 'main', image: 'pause' };
    const spec = { nodeName: 'node-2', terminationGracePeriodSeconds: 0, containers: [container] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'one', namespace: 'elsewhere' }, spec };
    await cluster.apply(JSON.stringify(pod));
    await eventually('node-2 tells of it', async () =>
      (await cluster.list('nodeendpointslices')).some(({ metadata }) => metadata.name.startsWith('node-2.')),
    );
    const [other] = (await cluster.list('nodeendpointslices')).filter(({ metadata }) =>
      metadata.name.startsWith('node-2.'),
    );
    const { name } = other?.metadata ?? expect.fail();
    expect(await answer('PATCH', path(name), { spec: { endpoints: [] } })).toContain('cannot patch');
    expect(await answer('PUT', path(name), { ...other })).toContain(denied);
    expect(await answer('PUT', path(name), { ...other, spec: { node: 'node-1', slice: 0, endpoints: [] } })).toMatch(
      /denied request|must be|the name is that of the node/,
    );
    expect(await answer('DELETE', path(name))).toContain(denied);
  });

  it("shows a cluster's page what all nodes tell, by certificates, and each what is his, as long as it is", async () => {
    page.start(cluster.node('node-1'));
    const rbac = 'rbac.authorization.k8s.io';
    const apply = async (object: object): Promise<unknown> => await cluster.apply(JSON.stringify(object));
    const rules = [{ apiGroups: ['membrane.io'], resources: ['flows'], verbs: ['list', 'watch'] }];
    await apply({ apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: 'sees' }, rules });
    const roleRef = { apiGroup: rbac, kind: 'ClusterRole', name: 'sees' };
    const tokens = new Map<string, string>();
    const admin = new KubeClient(findConnection({ kubeconfig: cluster.kubeconfigPath }));
    for (const [node, namespace] of [
      ['node-1', 'left'],
      ['node-2', 'right'],
    ] as const) {
      await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      const container = { name: 'main', image: 'pause' };
      const spec = { nodeName: node, terminationGracePeriodSeconds: 0, containers: [container] };
      await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', namespace }, spec });
      await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'viewer', namespace } });
      const subjects = [{ kind: 'ServiceAccount', name: 'viewer', namespace }];
      const binding = { apiVersion: `${rbac}/v1`, roleRef, subjects };
      if (namespace === 'left')
        await apply({ ...binding, kind: 'RoleBinding', metadata: { name: 'viewer', namespace } });
      else await apply({ ...binding, kind: 'ClusterRoleBinding', metadata: { name: 'viewer' } });
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/viewer/token`;
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3_600 } };
      const { status } = (await admin.request({ method: 'POST', path, body })) as { status: { token: string } };
      tokens.set(namespace, status.token);
    }
    admin.close();
    await cluster.waitReady({ pods: ['left/pod', 'right/pod'] });
    const views = new Map<string, Awaited<ReturnType<ClusterPage['look']>>>();
    for (const [name, token] of tokens)
      await eventually(`${name} looks, ${page.output}`, async () => {
        const view = await page.look(token, '/api/view');
        views.set(name, view);
        return view.status === 200;
      });
    const [own, all] = [views.get('left') ?? expect.fail(), views.get('right') ?? expect.fail()];
    expect((await page.look('made-up', '/api/view')).status).toBe(401);
    // Nobody is there, and no way leads to the other node: what is told is that each asked.
    const told = (view: typeof own) =>
      view.messages().flatMap((message) => (message.kind === 'rows' ? message.rows : []));
    const of = (view: typeof own, name: string) => told(view).filter(({ from }) => from === name);
    const ask = async (namespace: string): Promise<void> => {
      const netns = (await cluster.netnsOf(namespace, 'pod')) ?? expect.fail();
      await probe(netns, { to: '192.0.2.1', port: 7, timeoutMs: 50 });
    };
    await eventually('who sees all is told of both nodes, and the other of his own', async () => {
      await Promise.all([ask('left'), ask('right')]);
      return of(all, 'left/pod').length > 0 && of(all, 'right/pod').length > 0 && of(own, 'left/pod').length > 0;
    });
    expect(new Set(of(all, 'left/pod').map(({ flow }) => flow.node))).toEqual(new Set(['node-1']));
    expect(new Set(of(all, 'right/pod').map(({ flow }) => flow.node))).toEqual(new Set(['node-2']));
    const inventoryOf = (view: typeof own) =>
      view.messages().findLast((message) => message.kind === 'inventory')?.inventory ?? expect.fail();
    await eventually('both are told of both nodes', () =>
      [own, all].every((view) => inventoryOf(view).nodes.filter(({ ready }) => ready).length === 2),
    );
    expect(inventoryOf(all).workloads.map(({ key }) => key)).toEqual(expect.arrayContaining(['left/pod', 'right/pod']));
    expect(inventoryOf(own).workloads.map(({ key }) => key)).toEqual(['left/pod']);
    expect(own.text()).not.toContain('right');
    await cluster.delete({ resource: 'rolebindings', namespace: 'left', name: 'viewer' });
    await own.ended;
    expect(own.messages().at(-1)).toMatchObject({ kind: 'error', error: { code: 'E_HUBBLE_FORBIDDEN' } });
    all.leave();
  });

  it('gives numbers back that a tenant has used up, as soon as there is an operator again', async () => {
    await cluster.operator.kill('SIGKILL');
    const container = { name: 'main', image: 'pause' };
    const spec = { nodeName: 'node-1', terminationGracePeriodSeconds: 0, containers: [container] };
    const metadata = { name: 'restless', namespace: 'tenant', labels: { app: 'v0' } };
    await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'tenant' } }));
    await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec }));
    await cluster.waitReady({ pods: ['tenant/restless'] });
    for (let index = 1; index < SHARE; index += 1) {
      await relabel(`v${index}`);
      await eventually('it has its number', async () => (await numbers()).length === index + 1);
    }
    await relabel('one-too-many');
    await eventually('it is closed', async () => (await endpoint())?.state !== 'ready');
    expect((await numbers()).length).toBe(SHARE);
    await cluster.operator.start();
    await eventually('it is open', async () => {
      const found = await endpoint();
      return found?.state === 'ready' && found.labels.includes('k8s:app=one-too-many');
    });
    // Both nodes have heard of every one of them.
    await eventually('the others are deleted', async () => (await numbers()).length < SHARE);
    const receipts = await cluster.list('identityreceipts');
    expect(receipts.map(({ spec: said }) => said).every((said) => JSON.stringify(said) !== '{"heard":"0"}')).toBe(true);
  });

  it('says what the floor does as policies that nobody enforces, and takes them away with it', async () => {
    const object = (kind: string, metadata: object, spec?: object) =>
      JSON.stringify({ apiVersion: 'v1', kind, metadata, spec });
    await cluster.apply(object('Namespace', { name: 'mirrored' }));
    const tenant = { apiVersion: 'membrane.io/v1alpha1', kind: 'Tenant', metadata: { name: 'mirrored' } };
    await cluster.apply(JSON.stringify({ ...tenant, spec: { namespaces: { names: ['mirrored'] } } }));
    const agent = apiClient({ socketPath: join(cluster.node('node-1').agentDir, 'admin.sock') });
    const told = async () => (await agent.policies({ namespace: 'mirrored' })).map(({ name, state }) => [name, state]);
    await expect
      .poll(told, { timeout: 60_000 })
      .toEqual([[expect.stringMatching(/^membrane-floor-[0-9a-f]{10}$/), 'mirror']]);
    await cluster.patch({ resource: 'tenants', name: 'mirrored' }, { spec: { mode: 'Observe' } });
    await expect.poll(told, { timeout: 60_000 }).toEqual([]);
  });

  it('has an operator again when one dies', async () => {
    const before = cluster.operator.pid ?? expect.fail();
    process.kill(before, 'SIGKILL');
    await eventually('there is another', () => cluster.operator.pid !== undefined && cluster.operator.pid !== before);
  });
});
