import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PODS, podOf, TEST_TOKEN, TestServer } from '../testkit.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

test.each<[string, string | Uint8Array, number]>([
  ['nothing', '', 400],
  ['no JSON', '{', 400],
  ['a list', '[]', 400],
  ['null', 'null', 400],
  ['bad UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400],
  ['deep nesting', `{"metadata":{"name":"a"},"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 400],
  ['__proto__', '{"metadata":{"name":"a"},"__proto__":{"polluted":true}}', 400],
  ['__proto__ in labels', '{"metadata":{"name":"a","labels":{"__proto__":"x"}}}', 400],
  ['constructor', '{"metadata":{"name":"a"},"constructor":{"prototype":{"polluted":true}}}', 400],
  ['4 MiB', `{"metadata":{"name":"a"},"data":{"a":"${'x'.repeat(4 * 1024 * 1024)}"}}`, 413],
  ['a path as name', '{"metadata":{"name":"../../etc/passwd"}}', 422],
  ['a terminal escape as name', '{"metadata":{"name":"\\u001b[31mred"}}', 422],
  ['a shell in a label', '{"metadata":{"name":"a","labels":{"a":"$(reboot)"}}}', 422],
  ['2 MiB of data', `{"metadata":{"name":"a"},"data":{"a":"${'x'.repeat(2 * 1024 * 1024)}"}}`, 422],
  ['large annotations', `{"metadata":{"name":"a","annotations":{"a":"${'x'.repeat(300 * 1024)}"}}}`, 422],
])('a body with %s is refused and the server lives', async (_name, body, status) => {
  await using api = await TestServer.start();
  const answer = await api.post(`${CONFIG_MAPS}?fieldValidation=Strict`, body).catch((error: unknown) => {
    // The connection may be cut while the client still sends.
    if (status === 413) return { status, body: { kind: 'Status' } };
    throw error;
  });
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({ kind: 'Status' });
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  expect((await api.get('/healthz')).status).toBe(200);
});

test('YAML that multiplies itself is refused', async () => {
  await using api = await TestServer.start();
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 12; i++)
    lines.push(
      `${'a'.repeat(i + 1)}: &${'a'.repeat(i + 1)} [${Array(9)
        .fill(`*${'a'.repeat(i)}`)
        .join(', ')}]`,
    );
  const { status } = await api.request('POST', CONFIG_MAPS, { body: lines.join('\n'), type: 'application/yaml' });
  expect(status).toBe(400);
});

test.each([
  '/api/v1/namespaces/%2e%2e/pods',
  '/api/v1/namespaces/default/pods/%00',
  '/api/v1/namespaces/default/pods/__proto__',
  '/api/v1/__proto__',
  '/api/v1/constructor',
  '/apis/toString/v1/x',
  '/api/v1/namespaces/default/pods/a/b/c/d',
  '/openapi/v3/apis/../../etc',
])('%s is just not found', async (path) => {
  await using api = await TestServer.start();
  const { status } = await api.get(path);
  expect([200, 404]).toContain(status);
});

test('a path that is no percent-encoding is a bad request', async () => {
  await using api = await TestServer.start();
  expect((await api.get('/api/v1/namespaces/%zz/pods')).status).toBe(400);
});

test('JSON patches cannot reach prototypes or blow up', async () => {
  await using api = await TestServer.start();
  await api.post(PODS, podOf('a'));
  const polluting = await api.patch(`${PODS}/a`, 'json', [{ op: 'add', path: '/__proto__/polluted', value: 1 }]);
  expect(polluting.status).toBe(400);
  const doubling = Array.from({ length: 40 }, (_, i) => ({
    op: 'copy',
    from: '/metadata/annotations',
    path: `/metadata/annotations/x${i}`,
  }));
  const answer = await api.patch(`${PODS}/a`, 'json', [
    { op: 'add', path: '/metadata/annotations', value: { a: 'x'.repeat(1000) } },
    ...doubling,
  ]);
  expect(answer.status).toBe(422);
});

test('random bytes as protocol buffers never break it', async () => {
  await using api = await TestServer.start();
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const body = new Uint8Array([0x6b, 0x38, 0x73, 0, ...bytes]);
      const { status } = await api.request('POST', CONFIG_MAPS, { body, type: 'application/vnd.kubernetes.protobuf' });
      expect([400, 415, 422]).toContain(status);
    }),
    { numRuns: 100 },
  );
});

test('the token is compared whole', async () => {
  await using api = await TestServer.start();
  for (const token of [TEST_TOKEN.slice(0, -1), `${TEST_TOKEN}x`, TEST_TOKEN.toUpperCase(), '']) {
    expect((await api.get('/api', { authorization: `Bearer ${token}` })).status).toBe(401);
  }
});
