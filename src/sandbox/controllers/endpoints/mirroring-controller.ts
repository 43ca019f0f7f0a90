import { namespacedName } from '../../../base/index.ts';
import { type ApiStore, type JsonObject, type KubeObject } from '../../apiserver/index.ts';
import { hasSelector } from '../endpoint-slices.ts';
import type { ControllerContext } from '../kit/context.ts';
import { Controller, type SyncKey } from '../kit/controller.ts';
import { controllerReference, keeperOf } from '../kit/owner.ts';
import { type MirroredSlice, mirroredSlices } from './mirrored-slices.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const NAME = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
/** Of objects that were locks once. */
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Mirrors Endpoints that somebody wrote for a service without selector, to slices, which alone are read for traffic. */
export function mirroringController(context: ControllerContext): Controller {
  const { store } = context;
  return new Controller(context, {
    name: 'endpointslicemirroring-controller',
    watches: [
      { resource: 'services', concerns: ({ metadata }) => [namespacedName(metadata)] },
      { resource: 'endpoints', concerns: ({ metadata }) => [namespacedName(metadata)] },
      { resource: 'endpointslices', concerns: (slice) => keeperOf(slice, { kind: 'Endpoints', group: '' }) },
    ],
    sync: (key) => {
      const endpoints = store.get('endpoints', key);
      const service = store.get('services', key);
      const isMirrored = endpoints !== undefined && service !== undefined && mayMirror(endpoints, service);
      write(store, key, endpoints, isMirrored ? mirroredSlices(endpoints) : []);
      return undefined;
    },
  });
}

function mayMirror(endpoints: KubeObject, service: KubeObject): boolean {
  const { labels, annotations } = endpoints.metadata;
  return !hasSelector(service) && labels?.[SKIP] !== 'true' && annotations?.[LEADER] === undefined;
}

function write(
  store: ApiStore,
  key: SyncKey,
  endpoints: KubeObject | undefined,
  wanted: readonly MirroredSlice[],
): void {
  const labelSelector = `${SERVICE_NAME}=${key.name},${MANAGED_BY}=${NAME}`;
  const known = store.list('endpointslices', { namespace: key.namespace, labelSelector }).items;
  const left = [...known];
  for (const slice of wanted) {
    // The type of its addresses is fixed; whatever else it says can be changed.
    const index = left.findIndex((other) => other['addressType'] === slice.addressType);
    const [same] = index < 0 ? [] : left.splice(index, 1);
    if (endpoints !== undefined) put(store, key, endpoints, slice, same);
  }
  for (const { metadata } of left) store.delete('endpointslices', metadata);
}

function put(
  store: ApiStore,
  { namespace, name }: SyncKey,
  endpoints: KubeObject,
  { addressType, ports, endpoints: members }: MirroredSlice,
  known: KubeObject | undefined,
): void {
  const labels = { ...endpoints.metadata.labels, [SERVICE_NAME]: name, [MANAGED_BY]: NAME };
  const annotations = { ...endpoints.metadata.annotations };
  delete annotations[LAST_APPLIED];
  const ownerReferences = [controllerReference(endpoints)];
  const content: JsonObject = { addressType, ports: structuredClone([...ports]), endpoints: [...members] };
  if (known === undefined) {
    const metadata = { generateName: `${name.slice(0, 200)}-`, namespace, labels, annotations, ownerReferences };
    store.create('endpointslices', { metadata, ...content });
    return;
  }
  const { resourceVersion: _, ...metadata } = structuredClone(known.metadata);
  const next = { ...structuredClone(known), ...content };
  store.update('endpointslices', { ...next, metadata: { ...metadata, labels, annotations, ownerReferences } });
}
