import { expect, test } from 'vitest';
import { invalid } from '../../../model/index.ts';
import type { PolicyKind } from '../../../policy/index.ts';
import { quarantine } from '../../../policy/kinds/samples.ts';
import { at, type Json } from '../json.ts';
import { TestServer } from '../testkit.ts';
import { policyDefinition } from './policies.ts';

const POLICIES = '/apis/test.example/v2/namespaces/default/quarantines';

test('a kind without a definition of its own is served as its folder says', async () => {
  const kind: PolicyKind = {
    ...quarantine(),
    validate: (object) => (at(object, 'spec') === 5 ? [invalid('spec', 5, 'must be an object')] : []),
    warnings: () => ['nobody will get in'],
  };
  await using api = await TestServer.start({ definitions: [policyDefinition(kind)] });
  const policy = (spec: Json) => ({ apiVersion: 'test.example/v2', kind: 'Quarantine', metadata: { name: 'p' }, spec });
  const made = await api.post(POLICIES, policy({ deep: [{ later: 1 }] }));
  expect([made.status, made.headers.get('warning')]).toEqual([201, '299 - "nobody will get in"']);
  expect((await api.get(`${POLICIES}/p`)).body).toMatchObject({ spec: { deep: [{ later: 1 }] } });
  const refused = await api.post(POLICIES, policy(5));
  expect([refused.status, refused.body['message']]).toEqual([
    422,
    'Quarantine.test.example "p" is invalid: spec: Invalid value: 5: must be an object',
  ]);
  expect((await api.get('/apis/test.example/v2')).body).toMatchObject({ resources: [{ name: 'quarantines' }] });
});

test('its definition, once it is applied, says what it is', async () => {
  await using api = await TestServer.start({ definitions: [policyDefinition(quarantine())] });
  const policy = (spec: Json) => ({ apiVersion: 'test.example/v2', kind: 'Quarantine', metadata: { name: 'p' }, spec });
  const spec = { type: 'object', required: ['hours'], properties: { hours: { type: 'integer' } } };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'quarantines.test.example' },
    spec: {
      group: 'test.example',
      scope: 'Namespaced',
      names: { kind: 'Quarantine', listKind: 'QuarantineList', plural: 'quarantines', singular: 'quarantine' },
      versions: [
        {
          name: 'v2',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        },
      ],
    },
  };
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  expect((await api.post(definitions, definition)).status).toBe(201);
  await expect
    .poll(async () => (await api.get(`${definitions}/quarantines.test.example`)).body)
    .toMatchObject({ status: { acceptedNames: { kind: 'Quarantine' } } });
  expect((await api.post(POLICIES, policy({}))).status).toBe(422);
  expect((await api.post(POLICIES, policy({ hours: 1 }))).status).toBe(201);
});
