import { errorMessage, type Logger } from '../../../base/index.ts';
import { Prefix } from '../../../net/index.ts';
import { clone, equal, type JsonObject, objectAt, stringMapAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { ApiStore } from './api-store.ts';

/** Where clients of the cluster find this server. */
export type Advertised = {
  /** IPv4. */
  readonly addresses: readonly string[];
  readonly port: number;
};

const KEY = { namespace: 'default', name: 'kubernetes' };
const PORT = 443;
const RESOURCES = ['services', 'endpoints', 'endpointslices'] as const;

type OwnResource = (typeof RESOURCES)[number];
type Wanted = Readonly<Record<OwnResource, JsonObject & { readonly metadata: JsonObject }>>;

/** The first address of the range of services: the server's own. */
export function ownServiceAddress(serviceCidr: string): string {
  return Prefix.parse(serviceCidr).at(1n);
}

function wantedObjects({ addresses, port }: Advertised, clusterIP: string): Wanted {
  const https = { name: 'https', port, protocol: 'TCP' };
  return {
    services: {
      metadata: { ...KEY, labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP,
        ports: [{ ...https, port: PORT, targetPort: port }],
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
      },
    },
    endpoints: {
      metadata: { ...KEY, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports: [https] }],
    },
    endpointslices: {
      metadata: { ...KEY, labels: { 'kubernetes.io/service-name': KEY.name } },
      addressType: 'IPv4',
      endpoints: addresses.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
      ports: [https],
    },
  };
}

/**
 * Keeps `default/kubernetes` as the server of Kubernetes keeps it: whoever deletes it, or its endpoints, or points them
 * elsewhere, finds them again as they were.
 */
export class OwnService {
  readonly #store: ApiStore;
  readonly #wanted: Wanted;
  readonly #log: Logger;
  readonly #unsubscribe: (() => void)[] = [];
  #pending: NodeJS.Immediate | undefined;

  constructor(
    store: ApiStore,
    options: { readonly advertised: Advertised; readonly serviceCidr: string; log: Logger },
  ) {
    this.#store = store;
    this.#wanted = wantedObjects(options.advertised, ownServiceAddress(options.serviceCidr));
    this.#log = options.log;
  }

  start(): void {
    const { storage } = this.#store;
    for (const resource of RESOURCES) {
      const end = storage.subscribe(resource, storage.revision, ({ current: { object } }) => {
        const { namespace, name } = object.metadata;
        if (namespace === KEY.namespace && name === KEY.name) this.#later();
      });
      this.#unsubscribe.push(end);
    }
    this.#keep();
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    clearImmediate(this.#pending);
  }

  /** Not within the write that caused it: a watcher must not change what is being published. */
  #later(): void {
    clearImmediate(this.#pending);
    this.#pending = setImmediate(() => this.#keep());
  }

  #keep(): void {
    for (const resource of RESOURCES) {
      try {
        this.#keepOne(resource);
      } catch (error) {
        this.#log.error({ resource, error: errorMessage(error) }, "the server's own service could not be kept");
      }
    }
  }

  #keepOne(resource: OwnResource): void {
    const wanted = this.#wanted[resource];
    const known = this.#store.get(resource, KEY);
    // What an address or a type may not be changed to is made anew.
    if (known !== undefined && isOther(resource, known, wanted)) this.#store.delete(resource, KEY);
    const current = this.#store.get(resource, KEY);
    if (current === undefined) {
      this.#store.create(resource, clone(wanted));
      return;
    }
    const next = clone(current as JsonObject) as KubeObject;
    const { metadata, ...rest } = clone(wanted);
    next.metadata.labels = { ...next.metadata.labels, ...stringMapAt(metadata, 'labels') };
    for (const [key, value] of Object.entries(rest)) {
      if (key !== 'spec') next[key] = value;
      else next['spec'] = { ...givenOf(objectAt(next, 'spec')), ...objectAt(value) };
    }
    if (!equal(next, current)) this.#store.update(resource, next);
  }
}

/** Of a service, what the server gives to whoever does not say it. Ways to it that somebody added are taken away. */
function givenOf({ clusterIPs, ipFamilies, ipFamilyPolicy }: JsonObject = {}): JsonObject {
  return {
    ...(clusterIPs !== undefined && { clusterIPs }),
    ...(ipFamilies !== undefined && { ipFamilies }),
    ...(ipFamilyPolicy !== undefined && { ipFamilyPolicy }),
  };
}

function isOther(resource: OwnResource, known: KubeObject, wanted: JsonObject): boolean {
  switch (resource) {
    case 'services':
      return objectAt(known, 'spec')?.['clusterIP'] !== objectAt(wanted, 'spec')?.['clusterIP'];
    case 'endpointslices':
      return known['addressType'] !== wanted['addressType'];
    case 'endpoints':
      return false;
  }
}
