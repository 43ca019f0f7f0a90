import { isMembraneError } from '../../base/index.ts';
import { type TenantPrefix, type TenantWorldMap, tenantPrefix, tenantWorldKey } from '../../datapath/index.ts';
import { type Membership, tenantNumber } from '../../tenant/index.ts';

type Row = Parameters<TenantWorldMap['set']>[0];

const ROW = 1;

const keyOf = ({ prefixlen, tenant, addr }: Row): string => `${prefixlen} ${tenant} ${addr}`;

/** Keeps in the kernel what tenants list of the world. Of a tenant that is not `Listed` there is no row. */
export class TenantWorlds {
  readonly #map: TenantWorldMap;
  /** In the kernel, of an earlier life too, once that is read. */
  #written = new Map<string, Row>();
  #wanted: ReadonlyMap<string, Row> = new Map();
  /** By number of the tenant: prefixes that find no room. */
  #lacking = new Map<bigint, number>();

  constructor(map: TenantWorldMap) {
    this.#map = map;
  }

  /** Reads what is there, whoever has written it: the next `add` and `remove` put it right. */
  async load(): Promise<void> {
    this.#written = await this.#read();
  }

  /** What is listed from now on. Returns whether something is listed no more: what goes on by it is to be judged anew. */
  plan(membership: Membership): boolean {
    this.#wanted = wantedOf(membership);
    return this.#written.keys().some((key) => !this.#wanted.has(key));
  }

  /** Before a row of `tenants` says that there are such. */
  add(): void {
    this.#lacking = new Map();
    for (const [key, row] of this.#wanted) {
      if (this.#written.has(key)) continue;
      try {
        this.#map.set(row, ROW);
        this.#written.set(key, row);
      } catch (error) {
        if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
        const tenant = tenantPrefix(row)?.tenant ?? 0n;
        this.#lacking.set(tenant, (this.#lacking.get(tenant) ?? 0) + 1);
      }
    }
  }

  /** What nobody lists. Makes room for what found none. */
  remove(): void {
    for (const [key, row] of this.#written) {
      if (this.#wanted.has(key)) continue;
      this.#map.delete(row);
      this.#written.delete(key);
    }
    if (this.#lacking.size > 0) this.add();
  }

  /** What of a tenant's list does not hold, and why. */
  problemsOf(name: string): readonly string[] {
    const count = this.#lacking.get(tenantNumber(name)) ?? 0;
    return count === 0 ? [] : [`${count} of its world.cidrs have no room in the map tenant_world: they are closed`];
  }

  /** Where the kernel says otherwise than Tenants, as they were followed last. */
  async differences(): Promise<string[]> {
    const found = await this.#read();
    const texts = found
      .entries()
      .filter(([key]) => !this.#wanted.has(key))
      .map(([key, row]) => {
        const { prefix, tenant } = tenantPrefix(row) ?? {};
        const what = prefix === undefined ? `a row (${key})` : `${prefix.toString()} for tenant number ${tenant}`;
        return `the kernel lists ${what}, which no Tenant says`;
      })
      .toArray();
    const lacking = this.#lacking.values().reduce((sum, count) => sum + count, 0);
    const missing = this.#wanted.keys().reduce((count, key) => count + (found.has(key) ? 0 : 1), 0);
    if (missing <= lacking) return texts;
    return [...texts, `${missing - lacking} prefixes that Tenants list are not in the kernel`];
  }

  async #read(): Promise<Map<string, Row>> {
    return new Map((await this.#map.entries()).map(([row]) => [keyOf(row), row]));
  }
}

function wantedOf({ tenants }: Membership): Map<string, Row> {
  const rows = Array.from(tenants.values()).flatMap(({ name, boundary, world }): TenantPrefix[] => {
    const tenant = tenantNumber(name);
    return boundary.world === 'Listed' ? world.cidrs.map((prefix) => ({ tenant, prefix })) : [];
  });
  return new Map(rows.map(tenantWorldKey).map((row) => [keyOf(row), row]));
}
