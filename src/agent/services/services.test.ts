import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger, systemClock } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import type { Intent } from '../../cluster/index.ts';
import type { ServiceMaps } from '../../datapath/index.ts';
import { fakeAffinityMap, fakeServiceMaps } from '../../datapath/maps/testkit.ts';
import { KubeClient, loadKubeconfig } from '../../kube/index.ts';
import type { IdentityObject } from '../../model/index.ts';
import { openPlane } from '../../plane/index.ts';
import { FAKE_NODE, FakeKernel, fakePlaneOptions } from '../../plane/testkit.ts';
import {
  type ApiServer,
  type ApiStore,
  type Certificate,
  createApiServer,
  type JsonObject,
  kubeconfig,
  listAt,
  makeCertificate,
  stringAt,
} from '../../sandbox/apiserver/index.ts';
import { EndpointSliceController } from '../../sandbox/controllers/endpoint-slice-controller.ts';
import { Table } from '../../table/index.ts';
import { serviceList } from '../admin/services.ts';
import { parseConfig } from '../node/config.ts';
import { ObjectEvents } from '../objects/object-events.ts';
import { Reflection } from '../objects/reflection.ts';
import { type Services, serveServices, servicesOfNode } from './services.ts';

/** From objects that a user writes to the maps: the API server, its EndpointSlice controller, reflectors, decisions. */

const TOKEN = 'secret-of-the-test';
const folder = mkdtempSync(join(tmpdir(), 'membrane-services-'));
let certificate: Certificate | undefined;
let server: ApiServer;
let store: ApiStore;
let maps: ServiceMaps;
let services: Services;
let intent: Intent;
let lifecycle: Lifecycle;
let controller: AbortController;
let controlling: Promise<void>;

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  certificate ??= await makeCertificate(['127.0.0.1']);
  server = createApiServer({ database: ':memory:', token: TOKEN, log: silentLogger });
  store = server.store;
  const { port } = await server.listen({ host: '127.0.0.1', port: 0, tls: certificate });
  controller = new AbortController();
  controlling = new EndpointSliceController({ store, log: silentLogger }).run(controller.signal);
  store.create('nodes', { metadata: { name: FAKE_NODE } });
  store.patchStatus('nodes', { name: FAKE_NODE }, { addresses: [{ type: 'InternalIP', address: '172.18.0.2' }] });
  maps = fakeServiceMaps();
  lifecycle = new Lifecycle({ log: silentLogger });
  writeFileSync(
    join(folder, 'kubeconfig'),
    kubeconfig({ server: `https://127.0.0.1:${port}`, ca: certificate.ca, token: TOKEN }),
  );
  const client = new KubeClient(loadKubeconfig(join(folder, 'kubeconfig')));
  const registry = createRegistry();
  const state = { read: () => undefined, writeJson: () => undefined };
  const config = parseConfig({ nodeName: FAKE_NODE, serviceAddressRanges: ['192.0.2.0/24'] });
  const plane = await openPlane({
    ...fakePlaneOptions(new FakeKernel(), systemClock),
    services: servicesOfNode({ config, maps, affinity: fakeAffinityMap(), state, registry }),
  });
  intent = plane.intent;
  // Nobody is asked for those here.
  intent.nodeSlices.apply({ upserts: [], deletes: [], synced: true });
  intent.tenants.apply({ upserts: [], deletes: [], synced: true });
  const { problems } = plane;
  const events = new ObjectEvents({ client, problems, node: FAKE_NODE, clock: systemClock, log: silentLogger });
  if (plane.services === undefined) throw new Error('the plane was asked to serve');
  services = serveServices({
    plane,
    services: plane.services,
    endStale: async () => ({ ended: 0, kept: 0, failed: [] }),
    registry,
    clock: systemClock,
    log: silentLogger,
  });
  const reflection = new Reflection({
    client,
    intent,
    identities: new Table<IdentityObject>(({ name }) => name),
    nodeName: FAKE_NODE,
    announced: Promise.resolve(),
    log: silentLogger,
    services: true,
    watchSeconds: 30,
  });
  await lifecycle.start(plane.engine, services.health, services.engine, events, reflection);
});

afterEach(async () => {
  await lifecycle.stop();
  controller.abort();
  await controlling;
  await server.close();
});

const NAMESPACE = 'default';
const key = (name: string) => ({ namespace: NAMESPACE, name });

function addService(name: string, spec: JsonObject = {}): JsonObject {
  return store.create('services', {
    metadata: { name, namespace: NAMESPACE },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
  });
}

const change = (name: string, spec: JsonObject): JsonObject =>
  store.patch('services', key(name), { type: 'merge', body: { spec } });

function addPod(name: string, ip: string, { app = 'web', ready = true, port = 8080 } = {}): void {
  store.create('pods', {
    metadata: { name, namespace: NAMESPACE, labels: { app } },
    spec: {
      nodeName: 'node-1',
      containers: [{ name: 'c', image: 'x', ports: [{ name: 'http', containerPort: port }] }],
    },
  });
  setReady(name, ip, ready);
}

function setReady(name: string, podIP: string, ready: boolean): void {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }];
  store.patchStatus('pods', key(name), { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions });
}

/** Frontend -> backends, in the maps; a `~` marks one that drains. */
async function served(): Promise<Record<string, string[]>> {
  const rows = (await maps.services.entries()).map(
    ([{ addr, port, scope }, { revision, count }]): [string, string[]] => {
      const ids = Array.from({ length: count }, (_, slot) => maps.slots.get({ revision, slot })?.backend ?? 0);
      const backends = ids.map((id) => maps.backends.get(id));
      return [`${scope} ${addr}:${port}`, backends.map((b) => `${b?.addr}:${b?.port}`)];
    },
  );
  return Object.fromEntries(rows);
}

const ipOf = (service: JsonObject): string => stringAt(service, 'spec', 'clusterIP') ?? '';
const nodePortOf = (service: JsonObject): number =>
  Number((listAt(service, 'spec', 'ports')[0] as JsonObject)['nodePort']);
const eventually = async (wanted: Record<string, string[]>): Promise<void> => await expect.poll(served).toEqual(wanted);
const problems = (): string[] =>
  serviceList(intent, services, undefined).items.flatMap((item) => item.problems.map(({ reason }) => reason));

describe('services, from the objects to the maps', () => {
  it('follows pods that come, become unready, end while others serve, and are the last', async () => {
    const at = `inside ${ipOf(addService('web'))}:80`;
    await eventually({ [at]: [] });
    addPod('a', '10.244.1.2');
    addPod('b', '10.244.1.3', { port: 9090 });
    await eventually({ [at]: ['10.244.1.2:8080', '10.244.1.3:9090'] });
    setReady('a', '10.244.1.2', false);
    await eventually({ [at]: ['10.244.1.3:9090'] });
    setReady('a', '10.244.1.2', true);
    await eventually({ [at]: ['10.244.1.2:8080', '10.244.1.3:9090'] });
    store.delete('pods', key('a'));
    await eventually({ [at]: ['10.244.1.3:9090'] });
    await expect
      .poll(async () => (await maps.backends.entries()).filter(([, { flags }]) => flags === 1))
      .toMatchObject([[expect.any(Number), { addr: '10.244.1.2' }]]);
    store.delete('pods', key('b'));
    await eventually({ [at]: ['10.244.1.2:8080', '10.244.1.3:9090'] });
    for (const name of ['a', 'b']) store.delete('pods', key(name), { gracePeriodSeconds: 0 });
    await eventually({ [at]: [] });
    await expect.poll(async () => [await maps.backends.entries(), await maps.slots.entries()]).toEqual([[], []]);
  });

  it('changes type: ClusterIP, NodePort, ExternalName, and back', async () => {
    const ip = ipOf(addService('web'));
    addPod('a', '10.244.1.2');
    const backends = ['10.244.1.2:8080'];
    await eventually({ [`inside ${ip}:80`]: backends });
    const port = nodePortOf(change('web', { type: 'NodePort' }));
    await eventually({
      [`inside ${ip}:80`]: backends,
      [`inside :::${port}`]: backends,
      [`outside :::${port}`]: backends,
    });
    change('web', { type: 'ExternalName', externalName: 'example.com' });
    await eventually({});
    const again = ipOf(change('web', { type: 'ClusterIP', externalName: null }));
    await eventually({ [`inside ${again}:80`]: backends });
    store.delete('services', key('web'));
    await eventually({});
  });

  it('publishes pods that are not ready where the service says so, and keeps affinity', async () => {
    const web = addService('web', { publishNotReadyAddresses: true, sessionAffinity: 'ClientIP' });
    addPod('a', '10.244.1.2', { ready: false });
    await eventually({ [`inside ${ipOf(web)}:80`]: ['10.244.1.2:8080'] });
    expect((await maps.services.entries()).map(([, { affinitySeconds }]) => affinitySeconds)).toEqual([10_800]);
    change('web', { sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } });
    await expect
      .poll(async () => (await maps.services.entries()).map(([, { affinitySeconds }]) => affinitySeconds))
      .toEqual([60]);
  });

  it('serves slices by hand, and refuses those of them that mean a node', async () => {
    const at = `inside ${ipOf(addService('web', { selector: {}, ports: [{ port: 80 }] }))}:80`;
    const slice = (name: string, address: string) =>
      store.create('endpointslices', {
        metadata: { name, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: [{ port: 8080 }],
        endpoints: [{ addresses: [address] }],
      });
    slice('fine', '198.51.100.9');
    slice('node', '172.18.0.2');
    await eventually({ [at]: ['198.51.100.9:8080'] });
    await expect.poll(problems).toEqual(['EndpointRefused']);
  });

  it('captures no address that is nobody’s to give, and says so on the service', async () => {
    const at = ipOf(addService('web', { externalIPs: ['8.8.8.8', '192.0.2.7'] }));
    await eventually({ [`inside ${at}:80`]: [], 'inside 192.0.2.7:80': [], 'outside 192.0.2.7:80': [] });
    await expect.poll(problems).toEqual(['ExternalIPRefused']);
    await expect
      .poll(() => store.list('events', { namespace: NAMESPACE }).items)
      .toMatchObject([
        {
          reason: 'ExternalIPRefused',
          involvedObject: { kind: 'Service', name: 'web' },
          message: 'externalIP 8.8.8.8 is not within serviceAddressRanges',
        },
      ]);
  });
});
