import { describe, expect, test } from 'vitest';
import { NODE_ENDPOINT_SLICE, nodeEndpointSliceObject } from './node-endpoint-slice.ts';

const metadata = {
  name: 'a.b.3',
  uid: 'u',
  resourceVersion: '5',
  ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'a.b', uid: 'n' }],
};
const web = { namespace: 'shop', name: 'web', identity: 256, addresses: ['10.244.2.7', '::ffff:10.244.2.8'] };
const spec = {
  node: 'a.b',
  slice: 3,
  endpoints: [web, { namespace: 'kube-system', name: 'proxy', hostNetwork: true }],
};
const object = { metadata, spec };

test('what is written is what is read', () => {
  const row = NODE_ENDPOINT_SLICE.parse(object);
  expect(row).toEqual({
    uid: 'u',
    namespace: '',
    name: 'a.b.3',
    node: 'a.b',
    slice: 3,
    nodeUid: 'n',
    resourceVersion: '5',
    endpoints: [
      { namespace: 'shop', name: 'web', own: { identity: 256, addresses: ['10.244.2.7', '10.244.2.8'] } },
      { namespace: 'kube-system', name: 'proxy', own: undefined },
    ],
  });
  const again = nodeEndpointSliceObject(row, row.resourceVersion) as typeof object;
  expect(NODE_ENDPOINT_SLICE.parse({ ...again, metadata: { ...again.metadata, uid: 'u' } })).toEqual(row);
});

describe('is not read', () => {
  const of = (...endpoints: unknown[]) => ({ ...object, spec: { ...spec, endpoints } });
  test.each<[string, unknown]>([
    ['one under a name that is not of its node', { ...object, metadata: { ...metadata, name: 'a.c.3' } }],
    ['one under the number of another', { ...object, metadata: { ...metadata, name: 'a.b.4' } }],
    ['a reserved identity', of({ ...web, identity: 1 })],
    ['an identity of one node only', of({ ...web, identity: 16_777_216 })],
    ['no identity', of({ ...web, identity: undefined })],
    ['an identity and the network of the node', of({ ...web, hostNetwork: true })],
    ['no address', of({ ...web, addresses: ['banana'] })],
    ['no endpoints at all', { ...object, spec: { ...spec, endpoints: 7 } }],
    ['an older form', { ...object, spec: { node: 'a.b', pods: [] } }],
  ])('%s', (_what, wrong) => expect(() => NODE_ENDPOINT_SLICE.parse(wrong)).toThrow());
});

test('without an owner it belongs to no Node', () => {
  expect(NODE_ENDPOINT_SLICE.parse({ ...object, metadata: { ...metadata, ownerReferences: null } }).nodeUid).toBe('');
});
