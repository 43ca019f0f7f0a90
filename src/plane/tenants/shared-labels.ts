import type { NamespacedName } from '../../base/index.ts';
import type { Intent } from '../../cluster/index.ts';
import type { TenantRow } from '../../model/index.ts';
import type { PolicyRepository, SelectedLabel } from '../../policy/index.ts';
import type { TableReader } from '../../table/index.ts';
import { importOf, type Membership, type Served, systemServiceOf, type TenancySettings } from '../../tenant/index.ts';

export type SharedLabelsOptions = {
  readonly intent: Pick<Intent, 'services' | 'namespaces'>;
  readonly repository: Pick<PolicyRepository, 'selectBesides'>;
  readonly systemServices: TenancySettings['systemServices'];
};

/**
 * What is shared between tenants is found by labels, as pods are that policies select: those of the Services that are
 * exported, and of the pods that an import is for. So identities must tell of these too, whatever tells replicas apart.
 */
export class SharedLabels {
  readonly #o: SharedLabelsOptions;
  readonly #services: TableReader<NamespacedName>;
  readonly #namespaces: TableReader<NamespacedName>;
  /** Services that it follows from. */
  #used = new Set<NamespacedName>();
  #membership: Membership | undefined;

  constructor(options: SharedLabelsOptions) {
    this.#o = options;
    this.#services = options.intent.services.reader();
    this.#namespaces = options.intent.namespaces.reader();
  }

  follow(membership: Membership, now: number): void {
    const services = this.#services.drain();
    const isOther = this.#namespaces.drain().size > 0 || membership !== this.#membership;
    if (!isOther && !services.values().some((service) => this.#used.has(service))) return;
    this.#membership = membership;
    this.#used = new Set();
    const tenants = [...membership.tenants.values()].filter(({ closed }) => closed === undefined);
    this.#o.repository.selectBesides(tenants.flatMap((tenant) => this.#of(tenant, membership, now)));
  }

  #of(tenant: TenantRow, membership: Membership, now: number): SelectedLabel[] {
    const { systemServices } = this.#o;
    const world = { membership, now, service: (key: NamespacedName) => this.#service(key) };
    const imported = tenant.imports.flatMap((own) => {
      const keys = Object.keys(own.labels);
      const labels = keys.length === 0 ? [] : this.#namespacesOf(tenant, membership).flatMap(labelsIn(keys));
      return [...labels, ...ofServed(importOf(tenant, own, world))];
    });
    const usesDns = tenant.systemServices.includes('dns');
    return [...imported, ...(usesDns ? ofServed(systemServiceOf(systemServices.dns, world)) : [])];
  }

  #service(key: NamespacedName) {
    this.#used.add(key);
    return this.#o.intent.services.get(key);
  }

  #namespacesOf({ name: tenant }: TenantRow, membership: Membership): string[] {
    return Array.from(this.#o.intent.namespaces.rows.values(), ({ name }) => name).filter((name) => {
      const owner = membership.of(name);
      return owner.state === 'tenant' && owner.tenant.name === tenant;
    });
  }
}

const ofServed = (served: Served | string): SelectedLabel[] =>
  typeof served === 'string' ? [] : labelsIn(Object.keys(served.selector))(served.namespace);

const labelsIn =
  (keys: readonly string[]) =>
  (name: string): SelectedLabel[] =>
    keys.map((key) => ({ id: JSON.stringify(['shared', key, name]), key, home: undefined, namespace: { name } }));
