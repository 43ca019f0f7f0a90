import { namespacedName } from '../../base/index.ts';
import type { Endpoint, NamespaceRow, Port, ServiceRow, SliceRow } from './rows.ts';

/** An endpoint of a headless service under its own name. */
export type NamedEndpoint = Endpoint & { readonly label: string; readonly ports: readonly Port[] };

type Batch<T> = { readonly upserts: readonly T[]; readonly deletes: readonly T[] };

/** What names are made of, as the cluster has it now. */
export class ClusterView {
  readonly #services = new Map<string, ServiceRow>();
  readonly #byIp = new Map<string, ServiceRow>();
  readonly #slices = new Map<string, SliceRow>();
  readonly #slicesOf = new Map<string, Set<string>>();
  readonly #byAddress = new Map<string, Set<string>>();
  readonly #namespaces = new Set<string>();

  service(namespace: string, name: string): ServiceRow | undefined {
    return this.#services.get(namespacedName({ namespace, name }));
  }

  serviceAt(ip: string): ServiceRow | undefined {
    return this.#byIp.get(ip);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }

  /** Those that are ready, each address once with all ports that slices give it. */
  endpoints({ namespace, name }: ServiceRow): NamedEndpoint[] {
    const found = new Map<string, NamedEndpoint>();
    for (const key of this.#slicesOf.get(namespacedName({ namespace, name })) ?? []) {
      const row = this.#slices.get(key);
      for (const endpoint of row?.endpoints ?? []) {
        const ports = [...(found.get(endpoint.address)?.ports ?? []), ...(row?.ports ?? [])];
        found.set(endpoint.address, { ...endpoint, label: labelOf(endpoint), ports });
      }
    }
    return [...found.values()];
  }

  /** Names below services that an address of a pod has. */
  endpointsAt(address: string): { readonly service: ServiceRow; readonly label: string }[] {
    return [...(this.#byAddress.get(address) ?? [])].flatMap((key) => {
      const row = this.#slices.get(key);
      const service = row && this.service(row.namespace, row.service);
      const endpoint = row?.endpoints.find((candidate) => candidate.address === address);
      return service === undefined || endpoint === undefined ? [] : [{ service, label: labelOf(endpoint) }];
    });
  }

  applyNamespaces({ upserts, deletes }: Batch<NamespaceRow>): void {
    for (const { name } of deletes) this.#namespaces.delete(name);
    for (const { name } of upserts) this.#namespaces.add(name);
  }

  applyServices({ upserts, deletes }: Batch<ServiceRow>): void {
    for (const row of deletes) this.#forgetService(row);
    for (const row of upserts) {
      this.#forgetService(row);
      this.#services.set(namespacedName(row), row);
      if (isAddress(row.clusterIP)) this.#byIp.set(row.clusterIP, row);
    }
  }

  applySlices({ upserts, deletes }: Batch<SliceRow>): void {
    for (const row of deletes) this.#forgetSlice(namespacedName(row));
    for (const row of upserts) {
      const key = namespacedName(row);
      this.#forgetSlice(key);
      this.#slices.set(key, row);
      addTo(this.#slicesOf, namespacedName({ namespace: row.namespace, name: row.service }), key);
      for (const { address } of row.endpoints) addTo(this.#byAddress, address, key);
    }
  }

  #forgetService(row: ServiceRow): void {
    const known = this.#services.get(namespacedName(row));
    if (known === undefined) return;
    this.#services.delete(namespacedName(row));
    // The address may be somebody else's already.
    const owner = this.#byIp.get(known.clusterIP);
    if (owner !== undefined && namespacedName(owner) === namespacedName(known)) this.#byIp.delete(known.clusterIP);
  }

  #forgetSlice(key: string): void {
    const known = this.#slices.get(key);
    if (known === undefined) return;
    this.#slices.delete(key);
    removeFrom(this.#slicesOf, namespacedName({ namespace: known.namespace, name: known.service }), key);
    for (const { address } of known.endpoints) removeFrom(this.#byAddress, address, key);
  }
}

export function isAddress(clusterIP: string): boolean {
  return clusterIP !== '' && clusterIP !== 'None';
}

const labelOf = ({ hostname, address }: Endpoint): string => hostname || address.replaceAll('.', '-');

function addTo(index: Map<string, Set<string>>, key: string, value: string): void {
  const set = index.get(key) ?? new Set();
  index.set(key, set.add(value));
}

function removeFrom(index: Map<string, Set<string>>, key: string, value: string): void {
  const set = index.get(key);
  set?.delete(value);
  if (set?.size === 0) index.delete(key);
}
