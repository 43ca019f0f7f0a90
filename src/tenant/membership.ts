import type { NamespacedName } from '../base/index.ts';
import type { SelectedSystemService, TenantRow } from '../model/index.ts';
import { SYSTEM_TENANT, tenantNumber } from './number.ts';

export type TenancySettings = {
  /** What becomes of namespaces that no Tenant claims. */
  readonly unassigned: 'Open' | 'Closed';
  /** The cluster's own, by name: no Tenant can claim them. */
  readonly systemNamespaces: readonly string[];
  /** Services of these that tenants may use. */
  readonly systemServices: Readonly<Record<SelectedSystemService, NamespacedName>>;
};

/** Whose a namespace is. */
export type Belonging =
  | { readonly state: 'tenant'; readonly tenant: TenantRow }
  | { readonly state: 'system' }
  | { readonly state: 'unassigned' }
  /** Nobody's: its pods reach no one. `tenants`: who claim it. */
  | { readonly state: 'closed'; readonly tenants: readonly string[]; readonly why: string };

const UNASSIGNED: Belonging = { state: 'unassigned' };
const SYSTEM: Belonging = { state: 'system' };
/** Namespaces that are remembered: they come and go while Tenants stay. */
const MOST_KNOWN = 10_000;

/**
 * Which namespace is whose, as Tenant objects say: by exact names and by prefixes, never by a label. One that two tenants
 * claim is nobody's. Follows from the objects alone, so that every node says the same.
 */
export class Membership {
  readonly tenants: ReadonlyMap<string, TenantRow>;
  readonly settings: TenancySettings;
  readonly #system: ReadonlySet<string>;
  readonly #byName = new Map<string, TenantRow[]>();
  readonly #byPrefix = new Map<string, TenantRow[]>();
  readonly #longestPrefix: number;
  /** Tenants of which nobody can say what they claim. */
  readonly #unclear: readonly string[];
  readonly #twins: ReadonlySet<string>;
  readonly #known = new Map<string, Belonging>();

  constructor(tenants: Iterable<TenantRow>, settings: TenancySettings) {
    this.tenants = new Map(Array.from(tenants, (tenant) => [tenant.name, tenant]));
    this.settings = settings;
    this.#system = new Set(settings.systemNamespaces);
    const unclear: string[] = [];
    for (const tenant of this.tenants.values()) {
      if (tenant.claims === undefined) unclear.push(tenant.name);
      for (const name of new Set(tenant.claims?.names)) push(this.#byName, name, tenant);
      const prefix = tenant.claims?.prefix;
      if (prefix !== undefined && prefix !== '') push(this.#byPrefix, prefix, tenant);
    }
    this.#longestPrefix = Math.max(0, ...Array.from(this.#byPrefix.keys(), ({ length }) => length));
    this.#unclear = unclear.sort();
    this.#twins = twinsOf(this.tenants.keys());
  }

  /** No Tenant says anything, and none need to: everybody belongs together. */
  get isTrivial(): boolean {
    return this.tenants.size === 0 && this.settings.unassigned === 'Open';
  }

  of(namespace: string): Belonging {
    const known = this.#known.get(namespace);
    if (known !== undefined) return known;
    const found = this.#decide(namespace);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(namespace, found);
    return found;
  }

  /**
   * Whether pods of the two may have any connection, if policies let them: they are together, or something is shared between their
   * tenants. Whether it has ended is not asked.
   */
  mayMeet(one: string, other: string): boolean {
    const [a, b] = [this.of(one), this.of(other)];
    if (a.state === 'closed' || b.state === 'closed') return false;
    if (a.state === 'tenant' && b.state === 'tenant')
      return a.tenant.name === b.tenant.name || imports(a.tenant, b.tenant) || imports(b.tenant, a.tenant);
    if (a.state === 'tenant') return b.state === 'system' && a.tenant.systemServices.length > 0;
    if (b.state === 'tenant') return a.state === 'system' && b.tenant.systemServices.length > 0;
    return true;
  }

  /** Who claim it, in the order of their names: of those that are being deleted only where there are no others. */
  claimants(namespace: string): readonly TenantRow[] {
    const found = new Set(this.#byName.get(namespace));
    const longest = Math.min(namespace.length, this.#longestPrefix);
    for (let length = 1; length <= longest; length += 1) {
      for (const tenant of this.#byPrefix.get(namespace.slice(0, length)) ?? []) found.add(tenant);
    }
    const staying = Array.from(found).filter(({ isLeaving }) => !isLeaving);
    const claimants = staying.length > 0 ? staying : Array.from(found);
    return claimants.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #decide(namespace: string): Belonging {
    if (this.#system.has(namespace)) return SYSTEM;
    const claimants = this.claimants(namespace);
    const [tenant, ...others] = claimants;
    if (tenant === undefined) return this.#unclaimed(namespace);
    const tenants = claimants.map(({ name }) => name);
    if (others.length > 0) {
      return { state: 'closed', tenants, why: `namespace ${namespace} is claimed by tenants ${tenants.join(', ')}` };
    }
    const why = this.#whyClosed(tenant);
    return why === undefined ? { state: 'tenant', tenant } : { state: 'closed', tenants, why };
  }

  #whyClosed({ name, closed }: TenantRow): string | undefined {
    if (closed !== undefined) return `tenant ${name} is closed: ${closed}`;
    if (name === SYSTEM_TENANT) return `tenant ${name} is closed: the name is that of the cluster's own namespaces`;
    return this.#twins.has(name)
      ? `tenant ${name} is closed: another tenant has its number; give it another name`
      : undefined;
  }

  #unclaimed(namespace: string): Belonging {
    if (this.#unclear.length > 0) {
      const why = `no tenant claims namespace ${namespace}, and what ${this.#unclear.join(', ')} claims cannot be read`;
      return { state: 'closed', tenants: [], why };
    }
    if (this.settings.unassigned === 'Open') return UNASSIGNED;
    return { state: 'closed', tenants: [], why: `no tenant claims namespace ${namespace}` };
  }
}

function imports(importer: TenantRow, exporter: TenantRow): boolean {
  return importer.imports.some(
    ({ tenant, export: name }) =>
      tenant === exporter.name &&
      exporter.exports.some((exported) => exported.name === name && exported.to.includes(importer.name)),
  );
}

function push(map: Map<string, TenantRow[]>, key: string, tenant: TenantRow): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [tenant]);
  else list.push(tenant);
}

/** Names whose number another one has, too. */
function twinsOf(names: Iterable<string>): Set<string> {
  const byNumber = Map.groupBy(names, tenantNumber);
  return new Set(Array.from(byNumber.values()).flatMap((same) => (same.length > 1 ? same : [])));
}
