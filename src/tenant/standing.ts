import type { TenantRow } from '../model/index.ts';
import type { Membership } from './membership.ts';

/** What of a tenant's claims it has. */
export type ClaimStanding = {
  /** Namespaces that exist and are its own; sorted. */
  readonly namespaces: readonly string[];
  /** Those that exist, that it claims, and that it or nobody has: they are closed. */
  readonly closed: readonly string[];
  /** Why it has less than it claims. */
  readonly problems: readonly string[];
};

/** `existing`: all namespaces that there are. */
export function claimStanding(tenant: TenantRow, existing: Iterable<string>, membership: Membership): ClaimStanding {
  const namespaces: string[] = [];
  const closed: string[] = [];
  const problems: string[] = [];
  if (tenant.claims === undefined) problems.push(tenant.closed ?? 'what it claims cannot be read');
  for (const namespace of Array.from(existing).sort()) {
    if (!membership.claimants(namespace).some(({ name }) => name === tenant.name)) continue;
    const owner = membership.of(namespace);
    if (owner.state === 'tenant') namespaces.push(namespace);
    else if (owner.state === 'system') problems.push(`namespace ${namespace} is the cluster's own`);
    else if (owner.state === 'closed') {
      closed.push(namespace);
      problems.push(owner.why);
    }
  }
  return { namespaces, closed, problems: Array.from(new Set(problems)) };
}
