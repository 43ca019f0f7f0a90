import { isDeepStrictEqual } from 'node:util';
import { errorMessage, type Logger, type NamespacedName, nameParts, namespacedName } from '../../base/index.ts';
import {
  type ApiStore,
  isApiError,
  type JsonObject,
  type KubeObject,
  stringAt,
  stringMapAt,
} from '../apiserver/index.ts';
import { type DesiredSlice, desiredSlices, hasSelector, selects } from './endpoint-slices.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const CONTROLLER = 'endpointslice-controller.k8s.io';
const SLICES = 'endpointslices';

type Kind = 'services' | 'pods';

/**
 * Keeps the EndpointSlices of services with a selector at what the pods are. Slices that somebody else manages are left
 * alone. Runs when a service or a pod changes, never by the clock.
 */
export class EndpointSliceController {
  readonly #store: ApiStore;
  readonly #log: Logger;
  /** Of each namespace, by name: the store's own objects. */
  readonly #objects: Record<Kind, Map<string, Map<string, KubeObject>>> = { services: new Map(), pods: new Map() };
  /** Of each service, in order; what was written is here before the watch tells of it. */
  readonly #own = new Map<NamespacedName, KubeObject[]>();
  readonly #dirty = new Set<NamespacedName>();
  #scheduled = false;

  constructor(options: { readonly store: ApiStore; readonly log: Logger }) {
    this.#store = options.store;
    this.#log = options.log;
  }

  /** Follows services and pods until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#followSlices(signal), this.#follow('services', signal), this.#follow('pods', signal)]);
  }

  /** What an earlier life made, and what others do to ours: both are put right. */
  async #followSlices(signal: AbortSignal): Promise<void> {
    for await (const { type, object } of this.#store.watch(SLICES, { signal })) {
      const { namespace, name, labels, uid, resourceVersion } = object.metadata;
      if (labels?.[MANAGED_BY] !== CONTROLLER) continue;
      const key = namespacedName({ namespace, name: labels[SERVICE_NAME] ?? '' });
      const own = this.#own.get(key) ?? [];
      const known = own.find((slice) => slice.metadata.uid === uid);
      if (type === 'DELETED' ? known === undefined : known?.metadata.resourceVersion === resourceVersion) continue;
      const stored = this.#store.get(SLICES, { namespace, name });
      const others = own.filter((slice) => slice.metadata.uid !== uid);
      this.#remember(key, stored !== undefined && stored.metadata.uid === uid ? [...others, stored] : others);
      this.#mark(key);
    }
  }

  #remember(key: NamespacedName, slices: readonly KubeObject[]): void {
    if (slices.length === 0) this.#own.delete(key);
    else
      this.#own.set(
        key,
        slices.toSorted((a, b) => indexOf(a) - indexOf(b)),
      );
  }

  async #follow(kind: Kind, signal: AbortSignal): Promise<void> {
    for await (const { type, object } of this.#store.watch(kind, { signal })) {
      const { name, namespace = '' } = object.metadata;
      const objects = this.#objects[kind].get(namespace) ?? new Map<string, KubeObject>();
      this.#objects[kind].set(namespace, objects);
      const before = objects.get(name);
      if (type === 'DELETED') objects.delete(name);
      else objects.set(name, object);
      if (kind === 'services') this.#mark(namespacedName({ namespace, name }));
      else this.#markSelecting(namespace, before, object);
    }
  }

  /** A pod that changed its labels concerns those that selected it, too. */
  #markSelecting(namespace: string, before: KubeObject | undefined, now: KubeObject): void {
    for (const service of this.#objects.services.get(namespace)?.values() ?? []) {
      if (selects(service, now) || (before !== undefined && selects(service, before))) {
        this.#mark(namespacedName(service.metadata));
      }
    }
  }

  /** One round for all changes of a burst. */
  #mark(service: NamespacedName): void {
    this.#dirty.add(service);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const key of this.#dirty) {
        this.#dirty.delete(key);
        this.#reconcile(key);
      }
    });
  }

  #reconcile(key: NamespacedName): void {
    const { namespace, name } = nameParts(key);
    try {
      const service = this.#store.get('services', { namespace, name });
      const wanted = service !== undefined && hasSelector(service) ? this.#desired(service) : [];
      this.#write(key, service, wanted);
    } catch (error) {
      // Its namespace goes, or somebody was faster: the next change comes by the watch.
      if (isApiError(error)) this.#log.debug({ service: key, error: error.message }, 'slices not written');
      else this.#log.error({ service: key, error: errorMessage(error) }, 'slices not written');
    }
  }

  #desired(service: KubeObject): DesiredSlice[] {
    const pods = this.#objects.pods.get(service.metadata.namespace ?? '')?.values() ?? [];
    return desiredSlices(
      service,
      Array.from(pods).filter((pod) => selects(service, pod)),
      (name) => stringMapAt(this.#store.get('nodes', { name }), 'metadata', 'labels')[ZONE],
    );
  }

  /** Slices keep their place in the order, so that one pod that changes is one slice that is written. */
  #write(key: NamespacedName, service: KubeObject | undefined, wanted: readonly DesiredSlice[]): void {
    const own = this.#own.get(key) ?? [];
    const now: KubeObject[] = [];
    try {
      for (const [index, slice] of wanted.entries()) {
        const found = own[index];
        now.push(found === undefined ? this.#create(key, service, slice, index) : this.#update(found, slice));
      }
      for (const { metadata } of own.slice(wanted.length)) {
        this.#store.delete(SLICES, { namespace: metadata.namespace, name: metadata.name });
      }
    } finally {
      this.#remember(key, now.length < wanted.length ? [...now, ...own.slice(now.length)] : now);
    }
  }

  #create(
    key: NamespacedName,
    service: KubeObject | undefined,
    { ports, endpoints }: DesiredSlice,
    index: number,
  ): KubeObject {
    const { namespace, name } = nameParts(key);
    const uid = service?.metadata.uid ?? '';
    return this.#store.create(SLICES, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        generateName: `${name.slice(0, 200)}-`,
        namespace,
        labels: { ...stringMapAt(service, 'metadata', 'labels'), [SERVICE_NAME]: name, [MANAGED_BY]: CONTROLLER },
        annotations: { [INDEX]: String(index) },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true }],
      },
      addressType: 'IPv4',
      ports: ports.map((port) => ({ ...port })),
      endpoints: [...endpoints],
    });
  }

  #update(slice: KubeObject, { ports, endpoints }: DesiredSlice): KubeObject {
    const next: JsonObject = { ports: ports.map((port) => ({ ...port })), endpoints: [...endpoints] };
    const same = isDeepStrictEqual(
      { ports: slice['ports'] ?? [], endpoints: slice['endpoints'] ?? [] },
      structuredClone(next),
    );
    if (same) return slice;
    // Whatever somebody changed in between is ours to put right.
    const { resourceVersion: _, ...metadata } = structuredClone(slice).metadata;
    return this.#store.update(SLICES, { ...structuredClone(slice), metadata, ...next });
  }
}

const ZONE = 'topology.kubernetes.io/zone';
/** Which of its service's slices it is. */
const INDEX = 'sandbox.membrane.dev/index';

function indexOf(slice: KubeObject): number {
  return Number(stringAt(slice, 'metadata', 'annotations', INDEX) ?? 0);
}
