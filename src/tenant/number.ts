import { createHash } from 'node:crypto';

const BITS = 48;
/** Of namespaces that are no tenant's, and of the cluster's own. */
export const UNASSIGNED_NUMBER = 0n;
const SYSTEM_NUMBER = 1n;
/** The tenant of the cluster's own namespaces; no Tenant object may have the name. */
export const SYSTEM_TENANT = 'system';

/**
 * The number by which the datapath knows a tenant: it follows from the name, so that every node and every life of an agent
 * has the same and none ever means another tenant for a moment. Of 48 bits: with 1,000 tenants two are the same in one
 * of 560 million clusters; `Membership` closes both then.
 */
export function tenantNumber(name: string): bigint {
  if (name === SYSTEM_TENANT) return SYSTEM_NUMBER;
  const hash = createHash('sha256').update(`tenant/${name}`).digest();
  const number = hash.readBigUInt64BE() >> BigInt(64 - BITS);
  // The two smallest have a meaning of their own.
  return number > SYSTEM_NUMBER ? number : number + 2n;
}
