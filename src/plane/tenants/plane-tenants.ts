import type { Cluster, Intent } from '../../cluster/index.ts';
import type { TenantAccountsMap, TenantRows, TenantSharesMap, TenantWorldMap } from '../../datapath/index.ts';
import type { ClusterNumbers } from '../../identity/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';
import type { TenancySettings } from '../../tenant/index.ts';
import { TenantAccounts } from './accounts.ts';
import { Floor } from './floor.ts';
import { SharedLabels } from './shared-labels.ts';
import { Shares } from './shares.ts';
import { TenantWorlds } from './worlds.ts';

export type PlaneTenantsMaps = {
  readonly tenants: TenantRows;
  readonly tenantAccounts: TenantAccountsMap;
  readonly tenantShares: TenantSharesMap;
  readonly tenantWorld: TenantWorldMap;
};

export type PlaneTenantsOptions = {
  readonly maps: PlaneTenantsMaps;
  readonly intent: Intent;
  readonly numbers: ClusterNumbers;
  readonly cluster: Pick<Cluster, 'apiServers'>;
  readonly repository: Pick<PolicyRepository, 'selectBesides'>;
  readonly settings: TenancySettings;
};

/** Everything that decides about tenants on one node. */
export type PlaneTenants = {
  readonly floor: Floor;
  readonly shares: Shares;
  readonly sharedLabels: SharedLabels;
  readonly worlds: TenantWorlds;
};

/** Reads what an earlier life left; writes nothing. */
export async function openPlaneTenants(options: PlaneTenantsOptions): Promise<PlaneTenants> {
  const { maps, intent, numbers, cluster, repository, settings } = options;
  const { systemServices } = settings;
  const accounts = new TenantAccounts(maps.tenantAccounts);
  await accounts.load();
  const worlds = new TenantWorlds(maps.tenantWorld);
  await worlds.load();
  const floor = new Floor({ intent, numbers, rows: maps.tenants, accounts, worlds, settings });
  const shares = new Shares({
    intent,
    numbers,
    map: maps.tenantShares,
    systemServices,
    apiServers: () => cluster.apiServers,
  });
  await shares.load();
  const sharedLabels = new SharedLabels({ intent, repository, systemServices });
  return { floor, shares, sharedLabels, worlds };
}
