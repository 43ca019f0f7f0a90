import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Backoff, type Clock } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import type { ObjectRow, PodRow } from '../model/index.ts';
import type { KubeConnection } from './access/index.ts';
import { KubeClient } from './client.ts';
import { FakeApiServer } from './fake.ts';
import { Reflector, type ReflectorBatch } from './reflector.ts';
import { ReflectorCache } from './reflector-cache.ts';
import { ENDPOINT_SLICE, NAMESPACE, NODE, POD, SERVICE } from './resources/index.ts';

const PODS = '/api/v1/pods';

let server: FakeApiServer;
let connection: KubeConnection;
let client: KubeClient;
let stop: AbortController;

beforeEach(async () => {
  server = new FakeApiServer();
  connection = await server.start();
  client = new KubeClient(connection, { maxBodyBytes: 100_000 });
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  client.close();
  await server.stop();
});

function pod(name: string, extra: { uid?: string; ip?: string; labels?: unknown } = {}) {
  const { uid = `uid-${name}`, ip = '10.0.0.1', labels = {} } = extra;
  return { metadata: { namespace: 'a', name, uid, labels }, status: { podIP: ip } };
}

/** A reader that keeps a table as a consumer would, applying batches in the background. */
function follow(options: { idleMs?: number; pageSize?: number; clock?: Clock } = {}) {
  const reflector = new Reflector<PodRow>({
    client,
    resource: POD,
    backoff: new Backoff({ initial: 1, max: 20 }),
    ...options,
  });
  const rows = new Map<string, PodRow>();
  const batches: ReflectorBatch<PodRow>[] = [];
  const done = (async () => {
    for await (const batch of reflector.batches(stop.signal)) {
      batches.push(batch);
      for (const row of batch.deletes) rows.delete(row.uid);
      for (const row of batch.upserts) rows.set(row.uid, row);
    }
  })();
  const names = () => [...rows.values()].map((row) => row.name).sort();
  return { reflector, rows, names, batches, done };
}

describe('list and watch', () => {
  test('the first batch is the whole list, even an empty one', async () => {
    const { batches } = follow();
    await expect.poll(() => batches).toEqual([{ upserts: [], deletes: [], rejected: [], synced: true }]);
  });

  test('follows what is created, changed and deleted', async () => {
    server.put(PODS, pod('one'));
    const { names, rows } = follow();
    await expect.poll(names).toEqual(['one']);
    server.put(PODS, pod('two'));
    server.put(PODS, pod('one', { ip: '10.0.0.9' }));
    await expect.poll(() => rows.get('uid-one')?.podIPs).toEqual(['10.0.0.9']);
    server.remove(PODS, 'a', 'one');
    await expect.poll(names).toEqual(['two']);
  });

  test('a list of many pages becomes one batch', async () => {
    server.faults = { streams: 'unknown' };
    for (let i = 0; i < 25; i += 1) server.put(PODS, pod(`p${i}`));
    const { batches } = follow({ pageSize: 10 });
    await expect.poll(() => batches[0]?.upserts.length).toBe(25);
    expect(server.requests.filter((line) => !line.includes('watch'))).toHaveLength(3);
  });

  test('a page that is too large is asked for in smaller pieces', async () => {
    server.faults = { streams: 'unknown' };
    for (let i = 0; i < 20; i += 1) server.put(PODS, pod(`p${i}`, { labels: { big: 'x'.repeat(10_000) } }));
    const { names } = follow();
    await expect.poll(() => names().length).toBe(20);
  });

  test('a pod created anew under its name: the old row goes, the new one comes', async () => {
    server.put(PODS, pod('one'));
    const { batches, rows } = follow();
    await expect.poll(() => rows.size).toBe(1);
    server.endWatches();
    server.remove(PODS, 'a', 'one');
    server.put(PODS, pod('one', { uid: 'second' }));
    await expect.poll(() => [...rows.keys()]).toEqual(['second']);
    const gone = batches.flatMap((batch) => batch.deletes.map((row) => row.uid));
    expect(gone).toEqual(['uid-one']);
  });

  test('a new version that says the same of what is kept is no change', async () => {
    server.put(PODS, pod('x'));
    const { batches, reflector } = follow();
    await expect.poll(() => server.watches).toBe(1);
    const { resourceVersion } = reflector.status();
    server.put(PODS, { ...pod('x'), metadata: { ...pod('x').metadata, annotations: { seen: 'just now' } } });
    await expect.poll(() => reflector.status().resourceVersion).not.toBe(resourceVersion);
    server.put(PODS, pod('x', { ip: '10.0.0.2' }));
    await expect.poll(() => batches.length).toBe(2);
    expect(batches[1]?.upserts.map(({ podIPs }) => podIPs)).toEqual([['10.0.0.2']]);
  });

  test('ends when told to', async () => {
    const { done } = follow();
    await expect.poll(() => server.watches).toBe(1);
    stop.abort();
    await done;
    await expect.poll(() => server.watches).toBe(0);
  });
});

describe('a streamed list', () => {
  const isList = (line: string): boolean => !line.includes('watch=');

  test('is one batch, without any page', async () => {
    for (let i = 0; i < 25; i += 1) server.put(PODS, pod(`p${i}`));
    const { batches, names } = follow({ pageSize: 10 });
    await expect.poll(() => batches[0]?.upserts.length).toBe(25);
    expect(batches[0]?.synced).toBe(true);
    expect(server.requests.filter(isList)).toEqual([]);
    server.put(PODS, pod('later'));
    await expect.poll(names).toContain('later');
  });

  test.each([
    ['does not know it', 'unknown'],
    ['never says that this was all', 'endless'],
  ] as const)('a server that %s is asked for pages, and not again for a stream', async (_, streams) => {
    server.faults = { streams };
    server.put(PODS, pod('one'));
    const { names, batches, reflector } = follow({ idleMs: 200 });
    await expect.poll(names).toEqual(['one']);
    expect(batches[0]?.upserts).toHaveLength(1);
    server.put('/api/v1/other', pod('x'));
    server.compact();
    server.endWatches();
    await expect.poll(() => reflector.status().lists).toBeGreaterThanOrEqual(2);
    expect(server.requests.filter((line) => line.includes('sendInitialEvents'))).toHaveLength(1);
  });

  test.each(['refused', 'failing'] as const)('a stream that is %s is no reason to know nothing', async (streams) => {
    server.faults = { streams };
    server.put(PODS, pod('one'));
    const { names, reflector } = follow();
    await expect.poll(names).toEqual(['one']);
    expect(reflector.status()).toMatchObject({ synced: true });
    expect(reflector.status().problem).toBeUndefined();
  });

  test('that ends in the middle is not taken for the whole: what is known stays', async () => {
    for (const name of ['a', 'b', 'c', 'd']) server.put(PODS, pod(name));
    const { names, batches, reflector } = follow();
    await expect.poll(names).toEqual(['a', 'b', 'c', 'd']);
    server.faults = { streams: { cut: 1 } };
    server.put('/api/v1/other', pod('x'));
    server.compact();
    server.endWatches();
    await expect.poll(() => reflector.status().lists).toBe(2);
    expect(batches.flatMap(({ deletes }) => deletes)).toEqual([]);
  });

  test('tells what changes and goes while it is told', () => {
    const cache = new ReflectorCache<PodRow>(POD);
    const at = (name: string, resourceVersion: string, ip: string) => {
      const { metadata, status } = pod(name, { ip });
      return { metadata: { ...metadata, resourceVersion }, status };
    };
    const replacement = cache.beginReplace();
    for (const name of ['stays', 'changes', 'goes']) replacement.add(at(name, '1', '10.0.0.1'));
    replacement.add(at('changes', '2', '10.0.0.2'));
    replacement.remove(at('goes', '3', '10.0.0.1'));
    const told = replacement.finish().upserts.map(({ name, podIPs }) => `${name} ${podIPs.join()}`);
    expect(told.sort()).toEqual(['changes 10.0.0.2', 'stays 10.0.0.1']);
  });
});

describe('faults', () => {
  test('a server that says when it wants to be asked again is left alone until then', async () => {
    const clock = new FakeClock(1_000);
    server.faults = { status: { code: 429, times: 1, retryAfter: 7 } };
    server.put(PODS, pod('one'));
    const { names, reflector } = follow({ clock });
    await expect.poll(() => reflector.status().problem ?? '').toMatch('fake 429');
    await clock.advance(6_900);
    expect(server.requests).toHaveLength(1);
    await clock.advance(100);
    await expect.poll(names).toEqual(['one']);
  });

  test('410: lists again and reports exactly the difference', async () => {
    server.put(PODS, pod('keeps'));
    server.put(PODS, pod('goes'));
    const { names, batches, reflector } = follow();
    await expect.poll(names).toEqual(['goes', 'keeps']);
    server.faults = { resets: 3 };
    server.dropConnections();
    server.remove(PODS, 'a', 'goes');
    server.put(PODS, pod('comes'));
    server.compact();
    await expect.poll(names).toEqual(['comes', 'keeps']);
    expect(batches.at(-1)).toMatchObject({ upserts: [{ name: 'comes' }], deletes: [{ name: 'goes' }] });
    expect(reflector.status().lists).toBe(2);
  });

  test('410 inside a watch', async () => {
    const { names, reflector } = follow();
    await expect.poll(() => server.watches).toBe(1);
    server.sendRaw(PODS, JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }));
    server.put(PODS, pod('one'));
    await expect.poll(names).toEqual(['one']);
    expect(reflector.status().lists).toBe(2);
  });

  test('a bookmark moves on, so that a later watch needs no list', async () => {
    const { names, reflector } = follow();
    await expect.poll(() => server.watches).toBe(1);
    server.put('/api/v1/other', pod('x'));
    server.bookmark(PODS);
    const before = reflector.status().resourceVersion;
    await expect.poll(() => reflector.status().resourceVersion).not.toBe(before);
    server.compact();
    server.endWatches();
    server.put(PODS, pod('one'));
    await expect.poll(names).toEqual(['one']);
    expect(reflector.status().lists).toBe(1);
  });

  test('broken connections cost nothing', async () => {
    const { names, reflector } = follow();
    for (let i = 0; i < 5; i += 1) {
      await expect.poll(() => server.watches).toBe(1);
      server.faults = { resets: 1 };
      server.dropConnections();
      server.put(PODS, pod(`p${i}`));
    }
    await expect.poll(names).toEqual(['p0', 'p1', 'p2', 'p3', 'p4']);
    expect(reflector.status().lists).toBe(1);
  });

  test.each([500, 503, 429, 403, 401])('a server that answers %d is asked again, and status says so', async (code) => {
    server.faults = { status: { code, times: 1_000 } };
    server.put(PODS, pod('one'));
    const { names, reflector } = follow();
    await expect.poll(() => reflector.status().problem ?? '').toMatch(`fake ${code}`);
    server.faults = {};
    await expect.poll(names).toEqual(['one']);
    expect(reflector.status().problem).toBeUndefined();
  });

  test('a silent watch is taken for dead: everything is listed again', async () => {
    const { names, reflector } = follow({ idleMs: 50 });
    await expect.poll(() => reflector.status().watches).toBeGreaterThan(2);
    expect(reflector.status().lists).toBeGreaterThan(2);
    server.put(PODS, pod('one'));
    await expect.poll(names).toEqual(['one']);
  });

  test('a watch whose events are swallowed while the connection stays open costs no more than its bound', async () => {
    const { names } = follow({ idleMs: 200 });
    await expect.poll(() => server.watches).toBe(1);
    server.faults = { swallow: true };
    server.put(PODS, pod('one'));
    await expect.poll(names).toEqual(['one']);
  });

  test.each(['', '<html>welcome'])(
    'watches that end at once with %j are a problem, and it is listed anew',
    async (watch) => {
      server.faults = { watch };
      const { names, reflector } = follow();
      await expect.poll(() => reflector.status().problem ?? '').toMatch('tells nothing');
      server.put(PODS, pod('one'));
      await expect.poll(names).toEqual(['one']);
      server.faults = {};
      await expect.poll(() => server.watches).toBe(1);
      expect(reflector.status().problem).toBeUndefined();
    },
  );

  test.each([
    ['cut', '{"metadata":{"resourceVersion":"7"},"items":[{"metadata":'],
    ['no JSON', '<html>welcome'],
    ['no list', '{"kind":"Status"}'],
    ['empty', ''],
  ])('lists that are %s are a problem, what was known stays, and it is listed anew', async (_what, list) => {
    server.put(PODS, pod('one'));
    const { names, reflector } = follow();
    await expect.poll(names).toEqual(['one']);
    await expect.poll(() => server.watches).toBe(1);
    server.faults = { list, streams: 'unknown' };
    server.put(PODS, pod('two'));
    await expect.poll(names).toEqual(['one', 'two']);
    server.put('/api/v1/other', pod('x'));
    server.compact();
    server.endWatches();
    await expect.poll(() => reflector.status().problem ?? '').toMatch('makes no sense');
    expect(names()).toEqual(['one', 'two']);
    server.faults = {};
    server.remove(PODS, 'a', 'one');
    await expect.poll(names).toEqual(['two']);
    expect(reflector.status().problem).toBeUndefined();
  });

  test('status says when the server was last heard of, and that silence is a problem', async () => {
    const clock = new FakeClock(1_000);
    const { names, reflector } = follow({ clock });
    expect(reflector.status().silentMs).toBeUndefined();
    await expect.poll(() => server.watches).toBe(1);
    // What comes by the watch comes after its start, which is heard of, too.
    server.put(PODS, pod('one'));
    await expect.poll(names).toEqual(['one']);
    await clock.advance(3_000);
    expect(reflector.status()).toMatchObject({ silentMs: 3_000 });
    expect(reflector.status().problem).toBeUndefined();
    clock.set(3_600_000);
    expect(reflector.status().problem, 'somebody set the clock').toBeUndefined();
    clock.set(-7_200_000);
    await clock.advance(60_000);
    expect(reflector.status().problem).toContain('nothing was heard for 63 s');
    server.bookmark(PODS);
    await expect.poll(() => reflector.status()).toMatchObject({ silentMs: 0 });
    expect(reflector.status().problem).toBeUndefined();
  });
});

describe('bad objects', () => {
  test('one is reported and skipped; the others and the watch live', async () => {
    server.put(PODS, pod('good'));
    server.put(PODS, pod('bad', { labels: { app: 7 } }));
    const { names, batches, reflector } = follow();
    await expect.poll(names).toEqual(['good']);
    expect(batches[0]?.rejected).toEqual([{ key: 'a/bad', problem: expect.stringContaining('metadata.labels.app') }]);
    server.put(PODS, pod('bad', { labels: { app: '7' } }));
    await expect.poll(names).toEqual(['bad', 'good']);
    expect(reflector.status()).toMatchObject({ rejected: [], lists: 1 });
  });

  test('a pod that turns bad is forgotten: it may not be any more what it was', async () => {
    server.put(PODS, pod('one', { ip: '10.0.0.5' }));
    const { rows, names, reflector } = follow();
    await expect.poll(names).toEqual(['one']);
    server.put(PODS, pod('one', { labels: 'nonsense' }));
    await expect.poll(() => reflector.status().rejected.length).toBe(1);
    await expect.poll(names).toEqual([]);
    server.put(PODS, pod('one', { ip: '10.0.0.6' }));
    await expect.poll(() => rows.get('uid-one')?.podIPs).toEqual(['10.0.0.6']);
    expect(reflector.status().rejected).toEqual([]);
    server.put(PODS, pod('one', { labels: 'nonsense' }));
    await expect.poll(() => reflector.status().rejected.length).toBe(1);
    server.remove(PODS, 'a', 'one');
    await expect.poll(() => reflector.status().rejected).toEqual([]);
  });

  test.each([
    ['Pod', POD, 'forget'],
    ['Namespace', NAMESPACE, 'forget'],
    ['EndpointSlice', ENDPOINT_SLICE, 'forget'],
    ['Node', NODE, 'keep'],
    ['Service', SERVICE, 'keep'],
  ] as const)('a %s of which a newer version cannot be read: by event or by list', (_kind, resource, unreadable) => {
    const version = (resourceVersion: string, labels: unknown) => ({
      metadata: { namespace: '', name: 'one', uid: 'u', resourceVersion, labels },
      addressType: 'IPv4',
      endpoints: [],
    });
    const good = version('1', { app: 'good' });
    const bad = version('2', 'nonsense');
    for (const way of ['event', 'list'] as const) {
      const cache = new ReflectorCache<ObjectRow>(resource);
      const list = (object: unknown) => {
        const replacement = cache.beginReplace();
        replacement.add(object);
        return replacement.finish();
      };
      expect(list(good)).toMatchObject({ upserts: [{ name: 'one' }], rejected: [] });
      const changes = way === 'list' ? list(bad) : cache.apply([{ type: 'MODIFIED', object: bad }]);
      expect(changes).toMatchObject({ upserts: [], rejected: [{ key: 'one' }] });
      expect(changes.deletes.length, way).toBe(unreadable === 'forget' ? 1 : 0);
      expect(cache.size).toBe(unreadable === 'forget' ? 0 : 1);
    }
  });

  test.each([
    ['not JSON', '{"type":'],
    ['no event', '[]'],
    ['no object', '{"type":"ADDED"}'],
    ['no name', '{"type":"ADDED","object":{"metadata":{}}}'],
    ['an unknown type', '{"type":"SINGING","object":{}}'],
    ['an event of 17 MB', `{"type":"ADDED","object":"${'x'.repeat(17 * 1024 * 1024)}"}`],
  ])('%s: it goes on', async (_, line) => {
    const { names } = follow();
    await expect.poll(() => server.watches).toBe(1);
    server.sendRaw(PODS, line);
    server.put(PODS, pod('one'));
    await expect.poll(names).toEqual(['one']);
  });

  test.each([
    ['no event', '[]'],
    ['an event of 17 MB', `{"type":"ADDED","object":"${'x'.repeat(17 * 1024 * 1024)}"}`],
    ['no name', '{"type":"DELETED","object":{"metadata":{}}}'],
  ])('%s may have been about anything: what nobody tells again is listed', async (_, line) => {
    server.put(PODS, pod('gone'));
    const { names } = follow();
    await expect.poll(names).toEqual(['gone']);
    await expect.poll(() => server.watches).toBe(1);
    server.faults = { swallow: true };
    server.remove(PODS, 'a', 'gone');
    server.faults = {};
    server.sendRaw(PODS, line);
    await expect.poll(names).toEqual([]);
  });
});

test('thousands of pods: few bytes a row, and a second list changes nothing', async () => {
  client = new KubeClient(connection);
  for (let i = 0; i < 5_000; i += 1) server.put(PODS, pod(`p${i}`));
  const { batches, reflector } = follow();
  await expect.poll(() => batches[0]?.upserts.length).toBe(5_000);
  server.put('/api/v1/other', pod('x'));
  server.compact();
  server.endWatches();
  await expect.poll(() => reflector.status().lists).toBe(2);
  expect(batches.at(-1)).toMatchObject({ upserts: [], deletes: [] });
});
