import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Backoff, isMembraneError, silentLogger } from '../base/index.ts';
import type { ObjectRow, PodRow } from '../model/index.ts';
import { networkPolicy } from '../policy/index.ts';
import {
  type ApiServer,
  type Certificate,
  createApiServer,
  kubeconfig,
  makeCertificate,
} from '../sandbox/apiserver/index.ts';
import { connectionOf } from './access/kubeconfig.ts';
import { mergeKubeconfigs } from './access/kubeconfig-files.ts';
import { KubeClient } from './client.ts';
import { Reflector } from './reflector.ts';
import { NAMESPACE, NODE, POD, policyResource, type Resource } from './resources/index.ts';

/** The client against the server that the sandbox's agents talk to, over TLS and with its kubeconfig. */

const TOKEN = 'secret-of-the-test';
let certificate: Certificate | undefined;
let server: ApiServer;
let client: KubeClient;
let stop: AbortController;

beforeEach(async () => {
  certificate ??= await makeCertificate(['127.0.0.1']);
  server = createApiServer({ database: ':memory:', token: TOKEN, log: silentLogger, historyLimit: 50 });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0, tls: certificate });
  client = connect(port, certificate.ca);
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  client.close();
  await server.close();
});

function connect(port: number, ca: string, token = TOKEN): KubeClient {
  const config = kubeconfig({ server: `https://127.0.0.1:${port}`, ca, token });
  return new KubeClient(connectionOf(mergeKubeconfigs([{ path: 'test', content: config }])));
}

const podObject = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels },
  spec: { containers: [{ name: 'main', image: 'none', ports: [{ name: 'http', containerPort: 8080 }] }] },
});
const createPod = (name: string, labels?: Record<string, string>) =>
  client.create({ resource: POD, namespace: 'default' }, podObject(name, labels));
const pod = (name: string) => ({ resource: POD, namespace: 'default', name });

function follow<T extends ObjectRow>(resource: Resource<T>, pageSize?: number) {
  const backoff = new Backoff({ initial: 1, max: 20 });
  const reflector = new Reflector<T>({ client, resource, backoff, ...(pageSize ? { pageSize } : {}) });
  const rows = new Map<string, T>();
  void (async () => {
    for await (const batch of reflector.batches(stop.signal)) {
      for (const row of batch.deletes) rows.delete(row.name);
      for (const row of batch.upserts) rows.set(row.name, row);
    }
  })();
  return { reflector, rows };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isMembraneError(error) ? error.code : String(error)),
  );

describe('requests', () => {
  test('version, and errors as codes', async () => {
    expect(await client.version()).toMatch(/^v1\./);
    expect(await codeOf(client.get(pod('none')))).toBe('E_KUBE_NOT_FOUND');
    await createPod('one');
    expect(await codeOf(createPod('one'))).toBe('E_KUBE_CONFLICT');
    expect(await codeOf(client.create({ resource: POD, namespace: 'default' }, { metadata: { name: 'X' } }))).toBe(
      'E_KUBE_INVALID',
    );
  });

  test('a wrong token is refused; a server with another authority is not believed', async () => {
    const port = Number(new URL(client.server).port);
    const stranger = connect(port, certificate?.ca ?? '', 'wrong');
    expect(await codeOf(stranger.get(pod('one')))).toBe('E_KUBE_UNAUTHORIZED');
    const other = await makeCertificate(['127.0.0.1']);
    expect(await codeOf(connect(port, other.ca).version())).toBe('E_KUBE_UNREACHABLE');
  });

  test('status is a part of its own', async () => {
    await createPod('one');
    await client.patch(
      pod('one'),
      { status: { phase: 'Running', podIP: '10.0.0.7', podIPs: [{ ip: '10.0.0.7' }] } },
      'status',
    );
    expect(POD.parse(await client.get(pod('one')))).toMatchObject({ phase: 'Running', podIPs: ['10.0.0.7'] });
  });
});

describe('reflector', () => {
  test('a pod from its creation to its end', async () => {
    await createPod('one', { app: 'web' });
    const { rows } = follow<PodRow>(POD);
    await expect
      .poll(() => rows.get('one'))
      .toMatchObject({
        namespace: 'default',
        labels: { app: 'web' },
        serviceAccount: 'default',
        namedPorts: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      });
    await client.patch(pod('one'), { metadata: { labels: { app: null, tier: 'db' } } });
    await expect.poll(() => rows.get('one')?.labels).toEqual({ tier: 'db' });
    await client.delete(pod('one'), { gracePeriodSeconds: 0 });
    await expect.poll(() => rows.size).toBe(0);
  });

  test('every kind that the agent follows', async () => {
    await client.create({ resource: NODE }, { metadata: { name: 'node-1' }, spec: { podCIDR: '10.244.1.0/24' } });
    const policy = {
      metadata: { name: 'p', namespace: 'default' },
      spec: { podSelector: {}, policyTypes: ['Ingress'] },
    };
    const resource = policyResource(networkPolicy);
    await client.create({ resource, namespace: 'default' }, policy);
    const nodes = follow(NODE);
    const policies = follow(resource);
    const namespaces = follow(NAMESPACE);
    await expect.poll(() => nodes.rows.get('node-1')?.podCIDRs).toEqual(['10.244.1.0/24']);
    await expect.poll(() => policies.rows.get('p')?.spec).toMatchObject({ podSelector: {}, policyTypes: ['Ingress'] });
    await expect
      .poll(() => namespaces.rows.get('default')?.labels)
      .toEqual({ 'kubernetes.io/metadata.name': 'default' });
  });

  test('pages', async () => {
    for (let i = 0; i < 23; i += 1) await createPod(`p${i}`);
    const names = new Set<string>();
    let pages = 0;
    for await (const page of client.list(POD, { limit: 5 })) {
      pages += 1;
      for (const item of page.items) names.add(POD.parse(item).name);
    }
    expect([pages, names.size]).toEqual([5, 23]);
  });

  test('a streamed list: everything, then what changes, as of one moment', async () => {
    for (let i = 0; i < 23; i += 1) await createPod(`p${i}`);
    const told: string[] = [];
    const asked = { timeoutSeconds: 30, idleMs: 30_000, signal: stop.signal };
    for await (const events of client.watchList(POD, asked)) {
      for (const event of events) {
        if (event.type === 'BOOKMARK') told.push(event.isWhole === true ? 'whole' : 'bookmark');
        else if (event.type !== 'UNREADABLE') told.push(`${event.type} ${POD.parse(event.object).name}`);
      }
      if (told.length === 24) await createPod('later');
      if (told.length === 25) break;
    }
    expect(told.slice(0, 23).sort()).toEqual(Array.from({ length: 23 }, (_, i) => `ADDED p${i}`).sort());
    expect(told.slice(23)).toEqual(['whole', 'ADDED later']);
  });

  test('one that is longer than a connection takes at once is told to its end', async () => {
    const { store } = server;
    const annotations = { filler: 'x'.repeat(200_000) };
    for (let i = 0; i < 200; i += 1) {
      const object = podObject(`p${i}`);
      store.create('pods', { ...object, metadata: { ...object.metadata, annotations } }, { namespace: 'default' });
    }
    const { rows, reflector } = follow(POD);
    await expect.poll(() => rows.size).toBe(200);
    expect(reflector.status()).toMatchObject({ lists: 1, objects: 200 });
  });

  test('a history that was forgotten while it was away costs a list, and nothing else', async () => {
    await createPod('goes');
    const { rows, reflector } = follow(POD);
    await expect.poll(() => rows.size).toBe(1);
    await expect.poll(() => reflector.status().watches).toBe(1);
    const { port } = new URL(client.server);
    await server.close();
    await expect.poll(() => reflector.status().problem ?? '').not.toBe('');
    server = createApiServer({ database: ':memory:', token: TOKEN, log: silentLogger, historyLimit: 5 });
    const store = server.store;
    for (let i = 0; i < 20; i += 1) store.create('pods', { ...podObject(`p${i}`) }, { namespace: 'default' });
    await server.listen({ host: '127.0.0.1', port: Number(port), ...(certificate ? { tls: certificate } : {}) });
    await expect.poll(() => rows.size).toBe(20);
    expect(rows.has('goes')).toBe(false);
  });
});
