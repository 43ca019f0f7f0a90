import { HIDDEN_PEER, type PeerSight, TENANT_PEERS } from '../model/index.ts';
import type { Membership } from './membership.ts';

/**
 * What who may see the flows of pods of namespace `own` sees of a pod of namespace `other` at their other end, without a
 * right of his own to it: no more than the Tenants of both say. So nobody sees by what his own Tenant says what the other's
 * does not give, and who is of no tenant, or closed, or whose Tenant observes, is not seen.
 */
export function seenPeer(membership: Membership, own: string, other: string): PeerSight {
  const [seer, seen] = [membership.of(own), membership.of(other)];
  if (seer.state !== 'tenant' || seen.state !== 'tenant') return HIDDEN_PEER;
  const least = Math.min(...[seer, seen].map(({ tenant }) => TENANT_PEERS.indexOf(tenant.peers)));
  const peers = TENANT_PEERS[least] ?? 'Hidden';
  return peers === 'TenantName' ? { peers, tenant: seen.tenant.name } : { peers };
}
