import { describe, expect, test } from 'vitest';
import { at, type JsonObject, listAt, stringAt } from '../json.ts';
import { PODS, POLICIES, podOf, policyOf, TestServer } from '../testkit.ts';

const names = (list: JsonObject): string[] =>
  listAt(list, 'items').map((item) => stringAt(item, 'metadata', 'name') ?? '');

async function withPods(count: number): Promise<TestServer> {
  const api = await TestServer.start();
  for (let i = 0; i < count; i++) {
    const labels = { index: String(i), parity: i % 2 === 0 ? 'even' : 'odd' };
    await api.post(PODS, { ...podOf(`p${i}`), metadata: { name: `p${i}`, labels } });
  }
  return api;
}

describe('list', () => {
  test.each([
    ['labelSelector=parity%3Deven', ['p0', 'p2']],
    ['labelSelector=parity%20in%20(odd),index!%3D1', ['p3']],
    ['labelSelector=!index', []],
    ['labelSelector=index%20notin%20(0,1,2)', ['p3']],
    ['labelSelector=index%3E1', ['p2', 'p3']],
    ['fieldSelector=metadata.name%3Dp1', ['p1']],
    ['fieldSelector=spec.nodeName%3D,metadata.name!%3Dp1', ['p0', 'p2', 'p3']],
    ['fieldSelector=status.phase%3DRunning', []],
  ])('%s', async (query, expected) => {
    await using api = await withPods(4);
    expect(names((await api.get(`${PODS}?${query}`)).body)).toEqual(expected);
  });

  test.each([
    'labelSelector=a%3D%3D%3Db',
    'labelSelector=a%20in%20b',
    'labelSelector=-x',
    'fieldSelector=spec.foo%3D1',
    'limit=x',
    'continue=zzz',
  ])('refuses %s', async (query) => {
    await using api = await TestServer.start();
    const answer = await api.get(`${PODS}?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ kind: 'Status', reason: 'BadRequest' });
  });

  test('gives pages of one moment', async () => {
    await using api = await withPods(5);
    const first = await api.get(`${PODS}?limit=2`);
    expect(names(first.body)).toEqual(['p0', 'p1']);
    expect(at(first.body, 'metadata', 'remainingItemCount')).toBe(3);
    await api.delete(`${PODS}/p3`);
    const token = stringAt(first.body, 'metadata', 'continue') ?? '';
    const second = await api.get(`${PODS}?limit=9&continue=${token}`);
    expect(names(second.body)).toEqual(['p2', 'p3', 'p4']);
    expect(at(second.body, 'metadata', 'resourceVersion')).toBe(at(first.body, 'metadata', 'resourceVersion'));
  });

  test('from the future is refused so that the client waits', async () => {
    await using api = await TestServer.start();
    const { status, body } = await api.get(`${PODS}?resourceVersion=99999`);
    expect(status).toBe(504);
    expect(body).toMatchObject({ details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } });
  });
});

describe('tables', () => {
  const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

  test('print pods as kubectl shows them', async () => {
    await using api = await withPods(1);
    await api.patch(`${PODS}/p0/status`, 'merge', {
      status: {
        phase: 'Running',
        podIP: '10.244.1.9',
        containerStatuses: [
          { name: 'main', ready: true, restartCount: 2, image: 'i', imageID: '', state: { running: {} } },
        ],
      },
    });
    const { body } = await api.get(PODS, { accept: TABLE });
    expect(listAt(body, 'columnDefinitions').map((column) => at(column, 'name'))).toEqual([
      'Name',
      'Ready',
      'Status',
      'Restarts',
      'Age',
      'IP',
      'Node',
      'Nominated Node',
      'Readiness Gates',
    ]);
    expect(at(body, 'rows', 0, 'cells')).toEqual([
      'p0',
      '1/1',
      'Running',
      '2',
      expect.any(String),
      '10.244.1.9',
      '<none>',
      '<none>',
      '<none>',
    ]);
    expect(at(body, 'rows', 0, 'object', 'kind')).toBe('PartialObjectMetadata');
  });

  test('print policies with their selector', async () => {
    await using api = await TestServer.start();
    await api.post(
      POLICIES,
      policyOf('p', {
        podSelector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'x', operator: 'Exists' }] },
      }),
    );
    const { body } = await api.get(`${POLICIES}/p?includeObject=None`, { accept: TABLE });
    expect(at(body, 'rows', 0)).toEqual({ cells: ['p', 'app=web,x', expect.any(String)] });
  });

  test('an unknown media type is refused', async () => {
    await using api = await TestServer.start();
    expect((await api.get(PODS, { accept: 'text/html' })).status).toBe(406);
  });
});

describe('watch', () => {
  const kinds = (events: JsonObject[]): string[] =>
    events.map((event) => `${stringAt(event, 'type')} ${stringAt(event, 'object', 'metadata', 'name') ?? ''}`.trim());

  test('begins with what is there and goes on with what happens', async () => {
    await using api = await withPods(2);
    const events = api.watch(`${PODS}?watch=true`, 4);
    await expect.poll(() => true).toBe(true);
    await api.patch(`${PODS}/p0`, 'merge', { metadata: { labels: { x: 'y' } } });
    await api.delete(`${PODS}/p1`);
    expect(kinds(await events).slice(0, 4)).toEqual(['ADDED p0', 'ADDED p1', 'MODIFIED p0', 'DELETED p1']);
  });

  test('replays from a revision, and only later ones', async () => {
    await using api = await withPods(2);
    const { body } = await api.get(PODS);
    const version = stringAt(body, 'metadata', 'resourceVersion');
    await api.delete(`${PODS}/p0`);
    const events = await api.watch(`${PODS}?watch=1&resourceVersion=${version}`, 1);
    expect(kinds(events)).toEqual(['DELETED p0']);
    expect(Number(stringAt(events[0], 'object', 'metadata', 'resourceVersion'))).toBeGreaterThan(Number(version));
  });

  test('shows objects that begin and cease to match as added and deleted', async () => {
    await using api = await withPods(1);
    const version = stringAt((await api.get(PODS)).body, 'metadata', 'resourceVersion');
    await api.patch(`${PODS}/p0`, 'merge', { metadata: { labels: { app: 'x' } } });
    await api.patch(`${PODS}/p0`, 'merge', { metadata: { labels: { app: 'y' } } });
    const events = await api.watch(`${PODS}?watch=1&resourceVersion=${version}&labelSelector=app%3Dx`, 2);
    expect(kinds(events)).toEqual(['ADDED p0', 'DELETED p0']);
    expect(stringAt(events[1], 'object', 'metadata', 'labels', 'app')).toBe('x');
  });

  test('from a compacted revision is gone', async () => {
    await using api = await withPods(2);
    api.server.store.storage.compact();
    const { status, body } = await api.get(`${PODS}?watch=1&resourceVersion=2`);
    expect(status).toBe(410);
    expect(body).toMatchObject({ reason: 'Expired', message: expect.stringContaining('too old resource version: 2') });
  });

  test('ends in time with a bookmark', async () => {
    await using api = await withPods(1);
    const path = `${PODS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${api.server.store.resourceVersion}`;
    const [event] = await api.watch(path, 1);
    expect(event).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { resourceVersion: api.server.store.resourceVersion } },
    });
  });

  test('marks the end of the initial events for streaming lists', async () => {
    await using api = await withPods(1);
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const events = await api.watch(`${PODS}?${query}`, 2);
    expect(events).toMatchObject([
      { type: 'ADDED' },
      { type: 'BOOKMARK', object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } },
    ]);
  });

  test('prints tables, with the columns in the first event only', async () => {
    await using api = await withPods(2);
    const events = await api.watch(`${PODS}?watch=1`, 2, 'application/json;as=Table;v=v1;g=meta.k8s.io');
    expect(listAt(events[0], 'object', 'columnDefinitions')).toHaveLength(9);
    expect(at(events[1], 'object', 'columnDefinitions')).toBeNull();
    expect(at(events[1], 'object', 'rows', 0, 'cells', 0)).toBe('p1');
  });
});

describe('logs', () => {
  test('are streamed from the hook with its options', async () => {
    await using api = await TestServer.start({
      async *podLog(namespace, name, { container, tailLines }) {
        yield Buffer.from(`${namespace}/${name}/${container} ${tailLines}\n`);
      },
    });
    await api.post(PODS, podOf('a'));
    expect((await api.get(`${PODS}/a/log?tailLines=5`)).text).toBe('default/a/main 5\n');
    const wrong = await api.get(`${PODS}/a/log?container=zzz`);
    expect(wrong.body).toMatchObject({ code: 400, message: 'container zzz is not valid for pod a' });
    for (const [query, message] of [
      ['tailLines=-1', 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
      ['sinceSeconds=0', 'sinceSeconds: Invalid value: 0: must be greater than 0'],
      [
        'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
        'at most one of `sinceTime` or `sinceSeconds` may be specified',
      ],
    ]) {
      const refused = await api.get(`${PODS}/a/log?${query}`);
      expect(refused.body).toMatchObject({ code: 422, message: expect.stringContaining(message ?? '') });
    }
  });
});
