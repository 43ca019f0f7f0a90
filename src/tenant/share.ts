import type { TenantLimits, TenantShareOf } from '../model/index.ts';
import type { Membership } from './membership.ts';

/** What the namespaces of one tenant may have together, as Tenant objects say at the moment of the question. */
export function tenantShareOf(membership: () => Membership, name: keyof TenantLimits): TenantShareOf {
  return (namespace) => {
    const owner = membership().of(namespace);
    if (owner.state !== 'tenant') return undefined;
    const { name: tenant, limits } = owner.tenant;
    const limit = limits[name];
    return limit === undefined ? undefined : { tenant, limit };
  };
}
