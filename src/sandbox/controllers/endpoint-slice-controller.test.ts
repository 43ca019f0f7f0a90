import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import {
  type ApiServer,
  type ApiStore,
  createApiServer,
  type JsonObject,
  listAt,
  objectAt,
  stringAt,
} from '../apiserver/index.ts';
import { settled } from '../testkit.ts';
import { EndpointSliceController } from './endpoint-slice-controller.ts';

const NAMESPACE = 'default';

async function withController(action: (store: ApiStore) => Promise<void>): Promise<void> {
  const api: ApiServer = createApiServer({ database: ':memory:', token: 't', log: silentLogger });
  const end = new AbortController();
  const running = new EndpointSliceController({ store: api.store, log: silentLogger }).run(end.signal);
  try {
    await action(api.store);
  } finally {
    end.abort();
    await running;
    await api.close();
  }
}

function addService(store: ApiStore, name: string, spec: JsonObject = {}): void {
  store.create('services', {
    metadata: { name, namespace: NAMESPACE },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  });
}

type PodOptions = { readonly app?: string; readonly ready?: boolean; readonly ip?: string; readonly http?: number };

function addPod(store: ApiStore, name: string, { app = 'web', ready = true, ip, http }: PodOptions = {}): void {
  const ports = http === undefined ? {} : { ports: [{ name: 'http', containerPort: http }] };
  store.create('pods', {
    metadata: { name, namespace: NAMESPACE, labels: { app } },
    spec: { nodeName: 'node-1', containers: [{ name: 'c', image: 'pause', ...ports }] },
  });
  setStatus(store, name, ready, ip ?? '10.244.1.7');
}

function setStatus(store: ApiStore, name: string, ready: boolean, podIP: string, phase = 'Running'): void {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }];
  store.patchStatus('pods', { namespace: NAMESPACE, name }, { phase, podIP, podIPs: [{ ip: podIP }], conditions });
}

const slices = (store: ApiStore, service: string) =>
  store.list('endpointslices', { namespace: NAMESPACE, labelSelector: `kubernetes.io/service-name=${service}` }).items;

const endpoints = (store: ApiStore, service: string) =>
  slices(store, service).flatMap((slice) =>
    listAt(slice, 'endpoints').map((e) => ({
      pod: stringAt(e, 'targetRef', 'name'),
      ...(e as { conditions: object }).conditions,
    })),
  );

describe('EndpointSliceController', () => {
  it('says who serves, where, and how he is', async () => {
    await withController(async (store) => {
      addService(store, 'web');
      addPod(store, 'a');
      addPod(store, 'b', { ready: false, ip: '10.244.1.8' });
      addPod(store, 'other', { app: 'db' });
      await settled(store);
      expect(slices(store, 'web')).toMatchObject([
        {
          addressType: 'IPv4',
          metadata: { ownerReferences: [{ kind: 'Service', name: 'web', controller: true }] },
          ports: [{ name: '', port: 8080, protocol: 'TCP' }],
          endpoints: [
            {
              addresses: ['10.244.1.7'],
              nodeName: 'node-1',
              conditions: { ready: true, serving: true, terminating: false },
              targetRef: { kind: 'Pod', namespace: 'default', name: 'a' },
            },
            { addresses: ['10.244.1.8'], conditions: { ready: false, serving: false, terminating: false } },
          ],
        },
      ]);
    });
  });

  it('follows readiness, labels, deletion with grace, and the end of a pod', async () => {
    await withController(async (store) => {
      addService(store, 'web');
      addPod(store, 'a');
      await settled(store);
      setStatus(store, 'a', false, '10.244.1.7');
      await settled(store);
      expect(endpoints(store, 'web')).toEqual([{ pod: 'a', ready: false, serving: false, terminating: false }]);
      setStatus(store, 'a', true, '10.244.1.7');
      store.delete('pods', { namespace: NAMESPACE, name: 'a' });
      await settled(store);
      expect(endpoints(store, 'web')).toEqual([{ pod: 'a', ready: false, serving: true, terminating: true }]);
      setStatus(store, 'a', false, '10.244.1.7', 'Succeeded');
      await settled(store);
      expect(endpoints(store, 'web')).toEqual([]);
      addPod(store, 'b');
      await settled(store);
      store.patch(
        'pods',
        { namespace: NAMESPACE, name: 'b' },
        { type: 'merge', body: { metadata: { labels: { app: 'x' } } } },
      );
      await settled(store);
      expect(endpoints(store, 'web')).toEqual([]);
      expect(slices(store, 'web')).toHaveLength(1);
    });
  });

  it('publishes everybody where the service says so', async () => {
    await withController(async (store) => {
      addService(store, 'web', { publishNotReadyAddresses: true });
      addPod(store, 'a', { ready: false });
      await settled(store);
      expect(endpoints(store, 'web')).toEqual([{ pod: 'a', ready: true, serving: false, terminating: false }]);
    });
  });

  it('keeps pods apart whose named ports differ, and leaves out who has no such port', async () => {
    await withController(async (store) => {
      addService(store, 'web', { ports: [{ port: 80, targetPort: 'http' }] });
      addPod(store, 'a', { http: 8080 });
      addPod(store, 'b', { http: 9090, ip: '10.244.1.8' });
      addPod(store, 'c', { ip: '10.244.1.9' });
      await settled(store);
      const ports = slices(store, 'web').map((slice) => [
        stringAt(listAt(slice, 'endpoints')[0], 'targetRef', 'name'),
        listAt(slice, 'ports'),
      ]);
      expect(ports.toSorted(([a = ''], [b = '']) => JSON.stringify(a).localeCompare(JSON.stringify(b)))).toEqual([
        ['a', [{ name: '', port: 8080, protocol: 'TCP' }]],
        ['b', [{ name: '', port: 9090, protocol: 'TCP' }]],
      ]);
    });
  });

  it('puts at most a hundred endpoints into a slice', async () => {
    await withController(async (store) => {
      addService(store, 'web');
      for (let i = 0; i < 201; i += 1) addPod(store, `p${i}`, { ip: `10.244.${1 + (i >> 7)}.${1 + (i & 127)}` });
      await settled(store);
      expect(
        slices(store, 'web')
          .map((slice) => listAt(slice, 'endpoints').length)
          .toSorted((a, b) => a - b),
      ).toEqual([1, 100, 100]);
    });
  });

  it('leaves slices of services without selector alone, and other managers’', async () => {
    await withController(async (store) => {
      addService(store, 'mine', { selector: {} });
      const labels = { 'kubernetes.io/service-name': 'mine' };
      const endpoint = { addresses: ['192.0.2.1'] };
      store.create('endpointslices', {
        metadata: { name: 'by-hand', namespace: NAMESPACE, labels },
        addressType: 'IPv4',
        ports: [{ port: 80 }],
        endpoints: [endpoint],
      });
      await settled(store);
      expect(slices(store, 'mine')).toMatchObject([{ metadata: { name: 'by-hand' }, endpoints: [endpoint] }]);
    });
  });

  it('hints at nodes and zones as the service wishes', async () => {
    await withController(async (store) => {
      const labels = { 'topology.kubernetes.io/zone': 'z1' };
      store.create('nodes', { metadata: { name: 'node-1', labels } });
      addService(store, 'near', { selector: { app: 'web' }, trafficDistribution: 'PreferClose' });
      addService(store, 'here', { selector: { app: 'web' }, trafficDistribution: 'PreferSameNode' });
      addService(store, 'any', { selector: { app: 'web' } });
      addPod(store, 'a');
      addPod(store, 'unready', { ready: false, ip: '10.244.1.8' });
      await settled(store);
      const hints = (service: string) =>
        slices(store, service).flatMap((slice) => listAt(slice, 'endpoints').map((one) => objectAt(one, 'hints')));
      expect(hints('near')).toEqual([{ forZones: [{ name: 'z1' }] }, undefined]);
      expect(hints('here')).toEqual([{ forZones: [{ name: 'z1' }], forNodes: [{ name: 'node-1' }] }, undefined]);
      expect(hints('any')).toEqual([undefined, undefined]);
    });
  });

  it('puts right what others do to its slices', async () => {
    await withController(async (store) => {
      addService(store, 'web');
      addPod(store, 'a');
      await settled(store);
      const [slice] = slices(store, 'web');
      const key = { namespace: NAMESPACE, name: slice?.metadata.name ?? '' };
      store.patch('endpointslices', key, { type: 'merge', body: { endpoints: [{ addresses: ['203.0.113.9'] }] } });
      await settled(store);
      expect(endpoints(store, 'web')).toMatchObject([{ pod: 'a' }]);
      store.delete('endpointslices', key);
      await settled(store);
      expect(endpoints(store, 'web')).toMatchObject([{ pod: 'a' }]);
    });
  });

  it('removes them with the service, and when it becomes an ExternalName; makes them again afterwards', async () => {
    await withController(async (store) => {
      addService(store, 'web');
      addService(store, 'db');
      addPod(store, 'a');
      await settled(store);
      const patch = (spec: JsonObject) =>
        store.patch('services', { namespace: NAMESPACE, name: 'web' }, { type: 'merge', body: { spec } });
      patch({ type: 'ExternalName', externalName: 'example.com', clusterIP: null, clusterIPs: null });
      await settled(store);
      expect(slices(store, 'web')).toEqual([]);
      patch({ type: 'NodePort', externalName: null });
      await settled(store);
      expect(endpoints(store, 'web')).toMatchObject([{ pod: 'a' }]);
      store.delete('services', { namespace: NAMESPACE, name: 'web' });
      await settled(store);
      expect(slices(store, 'web')).toEqual([]);
      expect(slices(store, 'db')).toHaveLength(1);
    });
  });
});
