import { expect, test } from 'vitest';
import { at, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';
import { resources } from '../resources/index.ts';
import { TestServer } from '../testkit.ts';

const V2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

test('plain and aggregated discovery tell the same resources', async () => {
  await using api = await TestServer.start();
  const plain = new Set<unknown>();
  const groups = listAt((await api.get('/apis')).body, 'groups').map(
    (group) => stringAt(group, 'preferredVersion', 'groupVersion') ?? '',
  );
  for (const path of ['/api/v1', ...groups.map((group) => `/apis/${group}`)]) {
    for (const resource of listAt((await api.get(path)).body, 'resources')) plain.add(at(resource, 'name'));
  }
  const aggregated = new Set<unknown>();
  for (const path of ['/api', '/apis']) {
    const answer = await api.get(path, { accept: V2 });
    expect(answer.headers.get('content-type')).toContain('as=APIGroupDiscoveryList');
    for (const group of listAt(answer.body, 'items')) {
      for (const resource of listAt(group, 'versions', 0, 'resources')) {
        aggregated.add(at(resource, 'resource'));
        for (const sub of listAt(resource, 'subresources')) {
          aggregated.add(`${at(resource, 'resource') as string}/${at(sub, 'subresource') as string}`);
        }
      }
    }
  }
  expect(aggregated).toEqual(plain);
  for (const { resource } of resources) expect(plain).toContain(resource);
});

test('every group version has an OpenAPI v3 document whose references all lead somewhere', async () => {
  await using api = await TestServer.start();
  const index = objectAt((await api.get('/openapi/v3')).body, 'paths') ?? {};
  expect(Object.keys(index)).toContain('apis/networking.k8s.io/v1');
  for (const entry of Object.values(index)) {
    const { body, text } = await api.get(stringAt(entry, 'serverRelativeURL') ?? '');
    const schemas = objectAt(body, 'components', 'schemas') ?? {};
    const wanted = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1]);
    for (const name of wanted) expect(schemas).toHaveProperty([name ?? '']);
  }
});

test('the documents name merge keys, which clients merge by', async () => {
  await using api = await TestServer.start();
  const { body } = await api.get('/openapi/v3/api/v1');
  const containers = at(
    body,
    'components',
    'schemas',
    'io.k8s.api.core.v1.PodSpec',
    'properties',
    'containers',
  ) as JsonObject;
  expect(containers).toMatchObject({
    'x-kubernetes-patch-merge-key': 'name',
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
  });
});

test('OpenAPI v2 is given in JSON and in protocol buffers', async () => {
  await using api = await TestServer.start();
  expect((await api.get('/openapi/v2')).body).toMatchObject({ swagger: '2.0' });
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  const binary = await api.get('/openapi/v2', { accept });
  expect(binary.headers.get('content-type')).toContain('+protobuf');
  expect(binary.text).toContain('io.k8s.api.networking.v1.NetworkPolicy');
});

test('whoever has the token may do everything', async () => {
  await using api = await TestServer.start();
  const { status, body } = await api.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'delete', resource: 'pods' } },
  });
  expect([status, at(body, 'status', 'allowed')]).toEqual([201, true]);
});

test.each(['/api/v2', '/apis/no.such.group', '/apis/extensions/v1beta1/deployments', '/nowhere', '/openapi/v4'])(
  '%s is not found',
  async (path) => {
    await using api = await TestServer.start();
    expect((await api.get(path)).body).toMatchObject({ kind: 'Status', code: 404 });
  },
);
