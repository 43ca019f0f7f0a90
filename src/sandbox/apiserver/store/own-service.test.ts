import { afterEach, beforeEach, expect, test } from 'vitest';
import { settled } from '../../testkit.ts';
import { TestServer } from '../testkit.ts';
import type { ApiStore } from './api-store.ts';

const key = { namespace: 'default', name: 'kubernetes' };
const RESOURCES = ['services', 'endpoints', 'endpointslices'];

let server: TestServer;
let store: ApiStore;

beforeEach(async () => {
  server = await TestServer.start({ advertised: { addresses: ['172.18.0.2'], port: 6443 } });
  store = server.server.store;
});
afterEach(async () => await server[Symbol.asyncDispose]());

const said = () =>
  Object.fromEntries(
    RESOURCES.map((resource) => {
      const { metadata, ...rest } = store.get(resource, key) ?? { metadata: { labels: undefined } };
      return [resource, { labels: metadata.labels, ...rest }];
    }),
  );

test('is what a server of Kubernetes makes', () => {
  expect(said()).toEqual({
    services: {
      apiVersion: 'v1',
      kind: 'Service',
      labels: { component: 'apiserver', provider: 'kubernetes' },
      spec: {
        clusterIP: '10.96.0.1',
        clusterIPs: ['10.96.0.1'],
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
        sessionAffinity: 'None',
        type: 'ClusterIP',
      },
      status: { loadBalancer: {} },
    },
    endpoints: {
      apiVersion: 'v1',
      kind: 'Endpoints',
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
      subsets: [{ addresses: [{ ip: '172.18.0.2' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] }],
    },
    endpointslices: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      labels: { 'kubernetes.io/service-name': 'kubernetes' },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['172.18.0.2'], conditions: { ready: true } }],
      ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
    },
  });
});

test.each(RESOURCES)('%s: deleted, it comes back', async (resource) => {
  const before = said();
  const uid = store.get(resource, key)?.metadata.uid;
  store.delete(resource, key);
  await settled(store);
  expect(said()).toEqual(before);
  expect(store.get(resource, key)?.metadata.uid).not.toBe(uid);
});

test('nobody points it elsewhere', async () => {
  const before = said();
  const merge = (resource: string, body: object) =>
    store.patch(resource, key, { type: 'merge', body: structuredClone(body) as never });
  merge('services', { spec: { selector: { app: 'thief' }, ports: [{ port: 443, targetPort: 1, name: 'https' }] } });
  merge('endpoints', { subsets: [{ addresses: [{ ip: '203.0.113.9' }], ports: [{ port: 6443, name: 'https' }] }] });
  merge('endpointslices', { endpoints: [] });
  merge('services', { metadata: { labels: { component: null } } });
  await settled(store);
  expect(said()).toEqual(before);
  merge('services', { spec: { type: 'ExternalName', externalName: 'thief.test', ports: null } });
  await settled(store);
  expect(said()).toEqual(before);
});

test.each([
  { type: 'NodePort' },
  { type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['203.0.113.0/24'] },
  { externalIPs: ['203.0.113.9'] },
  { sessionAffinity: 'ClientIP', internalTrafficPolicy: 'Local' },
])('it is reached in no other way: %j', async (spec) => {
  const before = said();
  store.patch('services', key, { type: 'merge', body: { spec } });
  expect(said()).not.toEqual(before);
  await settled(store);
  expect(said()).toEqual(before);
});

test('what others note on it stays', async () => {
  store.patch('services', key, { type: 'merge', body: { metadata: { labels: { mine: 'yes' } } } });
  await settled(store);
  expect(store.get('services', key)?.metadata.labels).toMatchObject({ mine: 'yes', component: 'apiserver' });
});

test('its address is nobody else’s', () => {
  const taken = {
    metadata: { name: 'a', namespace: 'default' },
    spec: { clusterIP: '10.96.0.1', ports: [{ port: 1 }] },
  };
  expect(() => store.create('services', taken)).toThrow('provided IP is already allocated');
});
