import { describe, expect, test } from 'vitest';
import { at, type Json, type JsonObject } from '../json.ts';
import { PODS, POLICIES, podOf, policyOf, TestServer } from '../testkit.ts';

const NAMESPACES = '/api/v1/namespaces';
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

describe('create', () => {
  test('refuses a second object of the same name', async () => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    const second = await api.post(PODS, podOf('a'));
    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({ reason: 'AlreadyExists', message: 'pods "a" already exists' });
  });

  test('ends a generated name with five random characters', async () => {
    await using api = await TestServer.start();
    const { body } = await api.post(PODS, { ...podOf(''), metadata: { generateName: 'web-' } });
    expect(at(body, 'metadata', 'name')).toMatch(/^web-[a-z0-9]{5}$/);
  });

  test('stores nothing in a dry run, but checks everything', async () => {
    await using api = await TestServer.start();
    expect((await api.post(`${PODS}?dryRun=All`, podOf('a'))).status).toBe(201);
    expect((await api.get(`${PODS}/a`)).status).toBe(404);
    expect((await api.post(`${PODS}?dryRun=All`, podOf('A_'))).status).toBe(422);
    expect((await api.post(`${PODS}?dryRun=Some`, podOf('a'))).status).toBe(422);
  });

  test('says which namespace is missing', async () => {
    await using api = await TestServer.start();
    const { status, body } = await api.post('/api/v1/namespaces/nowhere/pods', podOf('a'));
    expect(status).toBe(404);
    expect(body).toMatchObject({ message: 'namespaces "nowhere" not found' });
  });

  test('refuses an object of another namespace than the path', async () => {
    await using api = await TestServer.start();
    const { status, body } = await api.post(PODS, { ...podOf('a'), metadata: { name: 'a', namespace: 'other' } });
    expect([status, body['message']]).toEqual([
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ]);
  });

  test.each([
    ['Strict', 400],
    ['Warn', 201],
    ['Ignore', 201],
  ])('treats unknown and duplicate fields as fieldValidation=%s says', async (mode, status) => {
    await using api = await TestServer.start();
    const text = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","name":"a"},"spec":{"foo":1,"containers":[{"name":"m","image":"i","bar":2}]}}`;
    const answer = await api.post(`${PODS}?fieldValidation=${mode}`, text);
    expect(answer.status).toBe(status);
    const faults = [
      'unknown field "spec.foo"',
      'unknown field "spec.containers[0].bar"',
      'duplicate field "metadata.name"',
    ];
    if (mode === 'Strict') expect(answer.body['message']).toContain(`strict decoding error: ${faults.join(', ')}`);
    const warning = answer.headers.get('warning') ?? '';
    expect(warning.includes('unknown field \\"spec.foo\\"')).toBe(mode === 'Warn');
    if (status === 201) expect(at(answer.body, 'spec', 'foo')).toBeUndefined();
  });

  test('names type and path of a value of the wrong kind', async () => {
    await using api = await TestServer.start();
    const { status, body } = await api.post(
      PODS,
      podOf('a', { containers: [{ name: 'm', image: 'i', ports: [{ containerPort: '80' }] }] }),
    );
    expect(status).toBe(400);
    expect(body['message']).toBe(
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    );
  });
});

describe('update', () => {
  test('refuses a stale resourceVersion and takes the current one', async () => {
    await using api = await TestServer.start();
    const { body } = await api.post(CONFIG_MAPS, { metadata: { name: 'c' }, data: { a: '1' } });
    const changed: JsonObject = { ...body, data: { a: '2' } };
    expect((await api.put(`${CONFIG_MAPS}/c`, changed)).status).toBe(200);
    const stale = await api.put(`${CONFIG_MAPS}/c`, changed);
    expect(stale.status).toBe(409);
    expect(stale.body['message']).toBe(
      'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('without a change keeps the resourceVersion', async () => {
    await using api = await TestServer.start();
    const { body } = await api.post(PODS, podOf('a'));
    const again = await api.put(`${PODS}/a`, body);
    expect(at(again.body, 'metadata', 'resourceVersion')).toBe(at(body, 'metadata', 'resourceVersion'));
  });

  test('keeps status and everything else apart', async () => {
    await using api = await TestServer.start();
    const { body } = await api.post(PODS, podOf('a'));
    await api.patch(`${PODS}/a/status`, 'merge', { status: { phase: 'Running', podIP: '10.244.1.2' } });
    const viaMain = await api.put(`${PODS}/a`, {
      ...body,
      metadata: { name: 'a', labels: { x: 'y' } },
      status: { phase: 'Failed' },
    });
    expect(viaMain.body).toMatchObject({
      status: { phase: 'Running', podIP: '10.244.1.2' },
      metadata: { labels: { x: 'y' } },
    });
    const viaStatus = await api.put(`${PODS}/a/status`, {
      ...viaMain.body,
      spec: { nodeName: 'evil', containers: [] },
      status: { phase: 'Succeeded' },
    });
    expect(viaStatus.body).toMatchObject({ status: { phase: 'Succeeded' }, spec: { containers: [{ name: 'main' }] } });
  });

  test('counts generations of the spec only', async () => {
    await using api = await TestServer.start();
    await api.post(POLICIES, policyOf('p', { podSelector: {} }));
    const labelled = await api.patch(`${POLICIES}/p`, 'merge', { metadata: { labels: { a: 'b' } } });
    expect(at(labelled.body, 'metadata', 'generation')).toBe(1);
    const changed = await api.patch(`${POLICIES}/p`, 'merge', { spec: { policyTypes: ['Egress'] } });
    expect(at(changed.body, 'metadata', 'generation')).toBe(2);
  });
});

describe('patch', () => {
  const cases: [string, 'json' | 'merge' | 'strategic', Json][] = [
    ['json', 'json', [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }]],
    ['merge', 'merge', { metadata: { labels: { a: 'b' } } }],
    ['strategic', 'strategic', { metadata: { labels: { a: 'b' } } }],
  ];
  test.each(cases)('%s', async (_name, type, body) => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    const answer = await api.patch(`${PODS}/a`, type, body);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ metadata: { labels: { a: 'b' } } });
  });

  test('strategic merges containers by name', async () => {
    await using api = await TestServer.start();
    await api.post(
      PODS,
      podOf('a', {
        containers: [
          { name: 'x', image: 'i:1' },
          { name: 'y', image: 'i:1' },
        ],
      }),
    );
    const { body } = await api.patch(`${PODS}/a`, 'strategic', { spec: { containers: [{ name: 'y', image: 'i:2' }] } });
    expect(at(body, 'spec', 'containers')).toMatchObject([
      { name: 'x', image: 'i:1' },
      { name: 'y', image: 'i:2' },
    ]);
  });

  test('that leads to an invalid object changes nothing', async () => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    const refused = await api.patch(`${PODS}/a`, 'merge', { spec: { hostname: 'other' } });
    expect(refused.status).toBe(422);
    expect(at((await api.get(`${PODS}/a`)).body, 'spec', 'hostname')).toBeUndefined();
  });

  test('of a failed test operation is refused', async () => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    const answer = await api.patch(`${PODS}/a`, 'json', [{ op: 'test', path: '/metadata/name', value: 'b' }]);
    expect(answer.status).toBe(422);
  });

  test('of an unknown type is refused by name', async () => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    expect((await api.request('PATCH', `${PODS}/a`, { body: {}, type: 'text/plain' })).status).toBe(415);
  });
});

describe('server-side apply', () => {
  const apply = (api: TestServer, manager: string, data: JsonObject, extra = '') =>
    api.patch(`${CONFIG_MAPS}/c?fieldManager=${manager}${extra}`, 'apply', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      data,
    });

  test('makes, shares, removes and refuses', async () => {
    await using api = await TestServer.start();
    expect((await apply(api, 'one', { a: '1', b: '1' })).status).toBe(201);
    expect((await apply(api, 'two', { a: '1', c: '2' })).status).toBe(200);
    const conflict = await apply(api, 'two', { a: '9' });
    expect(conflict.status).toBe(409);
    expect(conflict.body).toMatchObject({
      message: 'Apply failed with 1 conflict: conflict with "one" using v1: .data.a',
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.a' }] },
    });
    const forced = await apply(api, 'two', { a: '9' }, '&force=true');
    expect(forced.body['data']).toEqual({ a: '9', b: '1' });
    // `one` lost `a`, so leaving it out does not remove it; `b` goes.
    const left = await apply(api, 'one', {});
    expect(left.body['data']).toEqual({ a: '9' });
  });

  test('keeps a field that two managers want until both let go', async () => {
    await using api = await TestServer.start();
    await apply(api, 'one', { a: '1' });
    await apply(api, 'two', { a: '1' });
    expect((await apply(api, 'one', {})).body['data']).toEqual({ a: '1' });
    expect((await apply(api, 'two', {})).body['data']).toBeUndefined();
  });

  test('merges list elements by their keys', async () => {
    await using api = await TestServer.start();
    const service = (port: number, name: string): JsonObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      spec: { ports: [{ name, port }] },
    });
    const path = '/api/v1/namespaces/default/services/s?fieldManager=';
    await api.patch(`${path}one`, 'apply', service(80, 'http'));
    const { body } = await api.patch(`${path}two`, 'apply', service(443, 'https'));
    expect(at(body, 'spec', 'ports')).toMatchObject([{ port: 80 }, { port: 443 }]);
    const without = await api.patch(`${path}one`, 'apply', { apiVersion: 'v1', kind: 'Service', spec: {} });
    expect(at(without.body, 'spec', 'ports')).toMatchObject([{ port: 443 }]);
  });

  test('needs a field manager', async () => {
    await using api = await TestServer.start();
    expect((await api.patch(`${CONFIG_MAPS}/c`, 'apply', { apiVersion: 'v1', kind: 'ConfigMap' })).status).toBe(422);
  });
});

describe('ephemeral containers', () => {
  const added = (...containers: JsonObject[]): JsonObject => ({ spec: { ephemeralContainers: containers } });
  const spy = { name: 'spy', image: 'busybox', targetContainerName: 'main' };

  test('come by their own door, one after the other, and stay', async () => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    const path = `${PODS}/a/ephemeralcontainers`;
    const { status, body } = await api.patch(path, 'strategic', added(spy));
    expect([status, at(body, 'kind')]).toEqual([200, 'Pod']);
    expect(at(body, 'spec', 'ephemeralContainers')).toMatchObject([{ ...spy, imagePullPolicy: 'Always' }]);
    const second = await api.patch(path, 'strategic', { ...added({ name: 'second', image: 'busybox' }), kind: 'Pod' });
    expect(at(second.body, 'spec', 'ephemeralContainers')).toHaveLength(2);
    // Nothing else is written there.
    await api.patch(path, 'merge', { metadata: { labels: { x: 'y' } }, spec: { hostname: 'other' } });
    expect(at((await api.get(`${PODS}/a`)).body, 'metadata', 'labels', 'x')).toBeUndefined();
    expect((await api.get(path)).body).toMatchObject({ kind: 'Pod', metadata: { name: 'a' } });
    const elsewhere = await api.patch(`${PODS}/a`, 'merge', added());
    expect(elsewhere.status).toBe(422);
  });

  test.each<[string, JsonObject[]]>([
    ['spec.ephemeralContainers: Forbidden: existing ephemeral containers "spy" may not be removed', []],
    [
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "spy" may not be changed',
      [{ ...spy, image: 'other' }],
    ],
    ['spec.ephemeralContainers[1].name: Duplicate value: "main"', [spy, { name: 'main', image: 'busybox' }]],
    [
      'spec.ephemeralContainers[1].targetContainerName: Not found: "nobody"',
      [spy, { name: 'b', image: 'busybox', targetContainerName: 'nobody' }],
    ],
    [
      'spec.ephemeralContainers[1].ports: Forbidden: cannot be set for an Ephemeral Container',
      [spy, { name: 'b', image: 'busybox', ports: [{ containerPort: 80 }] }],
    ],
    [
      'spec.ephemeralContainers[1].readinessProbe: Forbidden: cannot be set for an Ephemeral Container',
      [spy, { name: 'b', image: 'busybox', readinessProbe: { tcpSocket: { port: 80 } } }],
    ],
  ])('are refused: %s', async (message, containers) => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    const path = `${PODS}/a/ephemeralcontainers`;
    expect((await api.patch(path, 'merge', added(spy))).status).toBe(200);
    const { status, body } = await api.patch(path, 'merge', added(...containers));
    expect([status, body['message']]).toEqual([422, expect.stringContaining(message)]);
  });

  test('are not made with the pod', async () => {
    await using api = await TestServer.start();
    const pod = podOf('a');
    const { status, body } = await api.post(PODS, {
      ...pod,
      spec: { ...(pod['spec'] as JsonObject), ephemeralContainers: [spy] },
    });
    expect([status, body['message']]).toEqual([
      422,
      expect.stringContaining('spec.ephemeralContainers: Forbidden: cannot be set on create'),
    ]);
  });
});

describe('delete', () => {
  const bind = (api: TestServer) => api.post(`${PODS}/a/binding`, { target: { kind: 'Node', name: 'node-1' } });

  test('gives a bound pod its grace and removes it when the kubelet says so', async () => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    expect((await bind(api)).status).toBe(201);
    expect((await bind(api)).status).toBe(409);
    const first = await api.delete(`${PODS}/a`);
    expect(first.body).toMatchObject({ metadata: { deletionGracePeriodSeconds: 30 } });
    const shorter = await api.delete(`${PODS}/a`, { gracePeriodSeconds: 1 });
    expect(shorter.body).toMatchObject({ metadata: { deletionGracePeriodSeconds: 1 } });
    expect((await api.get(`${PODS}/a`)).status).toBe(200);
    await api.delete(`${PODS}/a`, { gracePeriodSeconds: 0 });
    expect((await api.get(`${PODS}/a`)).status).toBe(404);
  });

  test('waits for finalizers', async () => {
    await using api = await TestServer.start();
    await api.post(CONFIG_MAPS, { metadata: { name: 'c', finalizers: ['example.com/hold'] } });
    await api.delete(`${CONFIG_MAPS}/c`);
    const held = await api.get(`${CONFIG_MAPS}/c`);
    expect(at(held.body, 'metadata', 'deletionTimestamp')).toBeTypeOf('string');
    await api.patch(`${CONFIG_MAPS}/c`, 'merge', { metadata: { finalizers: null } });
    expect((await api.get(`${CONFIG_MAPS}/c`)).status).toBe(404);
  });

  test('holds to its preconditions', async () => {
    await using api = await TestServer.start();
    await api.post(CONFIG_MAPS, { metadata: { name: 'c' } });
    const refused = await api.delete(`${CONFIG_MAPS}/c`, { preconditions: { uid: 'other' } });
    expect(refused.status).toBe(409);
    expect(refused.body['message']).toContain('Precondition failed: UID in precondition: other');
  });

  test('answers with a Status for kinds that give no object', async () => {
    await using api = await TestServer.start();
    await api.post(POLICIES, policyOf('p', { podSelector: {} }));
    expect((await api.delete(`${POLICIES}/p`)).body).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'p', group: 'networking.k8s.io', kind: 'networkpolicies' },
    });
  });

  test('of a collection takes what the selector names', async () => {
    await using api = await TestServer.start();
    for (const name of ['a', 'b', 'c']) {
      await api.post(PODS, { ...podOf(name), metadata: { name, labels: { keep: String(name === 'b') } } });
    }
    await api.delete(`${PODS}?labelSelector=keep%21%3Dtrue`);
    expect(at((await api.get(PODS)).body, 'items')).toMatchObject([{ metadata: { name: 'b' } }]);
  });

  test('of a namespace empties it first and lets nothing new in', async () => {
    await using api = await TestServer.start({ namespaceDeletionDelayMs: 50 });
    await api.post(NAMESPACES, { metadata: { name: 'team' } });
    // However slow the machine is: the namespace is not gone before somebody has tried.
    const held = { ...podOf('a'), metadata: { name: 'a', finalizers: ['example.org/held'] } };
    await api.post(`${NAMESPACES}/team/pods`, held);
    const deleted = await api.delete(`${NAMESPACES}/team`);
    expect(deleted.body).toMatchObject({ status: { phase: 'Terminating' } });
    const late = await api.post(`${NAMESPACES}/team/pods`, podOf('b'));
    expect(late.status).toBe(403);
    expect(late.body).toMatchObject({
      message: 'pods "b" is forbidden: unable to create new content in namespace team because it is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating' }] },
    });
    await api.patch(`${NAMESPACES}/team/pods/a`, 'merge', { metadata: { finalizers: null } });
    await expect.poll(async () => (await api.get(`${NAMESPACES}/team`)).status).toBe(404);
    expect((await api.get(`${NAMESPACES}/team/pods/a`)).status).toBe(404);
  });
});
