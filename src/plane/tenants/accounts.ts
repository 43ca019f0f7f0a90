import { sameRow, type TenantAccount, type TenantAccountsMap, UNUSED_TENANT_ACCOUNT } from '../../datapath/index.ts';
import { TENANT_UNLIMITED } from '../../model/gen/numbers.ts';
import type { TenantLimits, TenantRow } from '../../model/index.ts';
import { hasAccount, type Membership, tenantNumber } from '../../tenant/index.ts';

const SECOND = 1e9;

/** What tenants with limits may have of this node, in the kernel; what they have the programs count there. */
export class TenantAccounts {
  readonly #map: TenantAccountsMap;
  /** By number; of an earlier life, too, once that is read. */
  readonly #written = new Set<bigint>();

  constructor(map: TenantAccountsMap) {
    this.#map = map;
  }

  /** Reads what an earlier life left. */
  async load(): Promise<void> {
    for (const [number] of await this.#map.entries()) this.#written.add(number);
  }

  /** Before a row says of somebody that his tenant has an account: without one he opens nothing. */
  prepare({ tenants }: Membership): void {
    for (const tenant of tenants.values()) {
      if (hasAccount(tenant)) this.#write(tenant);
    }
  }

  /** After the rows. */
  prune({ tenants }: Membership): void {
    const wanted = new Set(Array.from(tenants.values()).filter(hasAccount).map(numberOf));
    for (const number of this.#written) {
      if (wanted.has(number)) continue;
      this.#map.delete(number);
      this.#written.delete(number);
    }
  }

  /** Of a tenant that has no limits: nothing. */
  get({ name }: Pick<TenantRow, 'name'>): TenantAccount | undefined {
    return this.#map.get(tenantNumber(name));
  }

  /** Tenants of whose limits the kernel says something else. */
  differences({ tenants }: Membership): string[] {
    return Array.from(tenants.values()).flatMap((tenant) => {
      const isRight = hasAccount(tenant) ? isOf(this.get(tenant), tenant) : this.get(tenant) === undefined;
      return isRight ? [] : [`the kernel says of the limits of tenant ${tenant.name} otherwise than the Tenant`];
    });
  }

  /** What is counted while this writes is lost, until the collector counts anew. */
  #write(tenant: TenantRow): void {
    const number = numberOf(tenant);
    const found = this.#map.get(number);
    this.#written.add(number);
    if (!isOf(found, tenant))
      this.#map.set(number, { ...(found ?? UNUSED_TENANT_ACCOUNT), ...accountLimits(tenant.limits) });
  }
}

const numberOf = ({ name }: TenantRow): bigint => tenantNumber(name);

function accountLimits(limits: TenantLimits): Pick<TenantAccount, 'interval' | 'eventInterval' | 'limit'> {
  const { connections = TENANT_UNLIMITED, natPorts = TENANT_UNLIMITED } = limits;
  return {
    interval: intervalOf(limits.newConnectionsPerSecond),
    eventInterval: intervalOf(limits.flowEventsPerSecond),
    limit: [connections, natPorts],
  };
}

/** 0: there is no limit. */
const intervalOf = (rate: number | undefined): number =>
  rate === undefined ? 0 : Math.max(1, Math.round(SECOND / rate));

function isOf(account: TenantAccount | undefined, { limits }: TenantRow): boolean {
  return account !== undefined && sameRow(accountLimits(limits), account);
}
