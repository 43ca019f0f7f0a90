import { type EndpointAccounts, kernelHolders, type MapSet, readDrops } from '../../datapath/index.ts';
import type { TenantTold } from '../../model/index.ts';
import type { Plane } from '../../plane/index.ts';
import { type LimitView, limitProblems, limitViews } from './tenant-limits.ts';

/** Who of the tenants was refused something for a limit since it was asked before; a sentence of each. */
export function tenantRefusals(
  maps: MapSet,
  { floor, endpoints }: Pick<Plane, 'floor' | 'endpoints'>,
  accounts: Pick<EndpointAccounts, 'beyondTenant'>,
): () => Promise<readonly TenantTold[]> {
  const holders = kernelHolders(maps);
  const newly = newRefusals();
  return async () => {
    const { membership } = floor;
    const all = readDrops(maps);
    const context = {
      membership,
      endpoints,
      holders,
      accountOf: floor.accountOf.bind(floor),
      drops: async () => await all,
      untold: accounts.beyondTenant.bind(accounts),
    };
    const told: TenantTold[] = [];
    for (const tenant of membership.tenants.values()) {
      const views = await limitViews(tenant, context);
      const message = limitProblems(newly(tenant.name, views)).join('; ');
      if (message !== '') told.push({ tenant: tenant.name, message });
    }
    await all;
    return told;
  };
}

/** Counts go on for as long as pods live: what was told of once is told of again when there is more of it. */
export function newRefusals(): (tenant: string, views: readonly LimitView[]) => LimitView[] {
  const known = new Map<string, number>();
  return (tenant, views) =>
    views.filter(({ name, refused }) => {
      const key = `${tenant} ${name}`;
      const former = known.get(key) ?? 0;
      known.set(key, refused);
      return refused > former;
    });
}
