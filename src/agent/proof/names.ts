import type { NamespacedName } from '../../base/index.ts';
import { type Identity, type IdentityId, identityLabels } from '../../model/index.ts';
import type { Accounts } from '../../plane/index.ts';
import type { Peer } from '../../reach/index.ts';

/** A name of one pod of each identity that this node has, for people. */
export function podNames(
  { rows }: Accounts,
  podOf: (endpoint: Accounts['rows']['words'][number][0]) => NamespacedName | undefined,
): ReadonlyMap<IdentityId, NamespacedName> {
  const names = new Map<IdentityId, NamespacedName>();
  for (const [endpoint, { identity }] of rows.words) {
    const pod = podOf(endpoint);
    if (pod !== undefined && !names.has(identity)) names.set(identity, pod);
  }
  return names;
}

/** `shop-web/api-0 (identity 300)`, `pods of shop-web with k8s:app=api (identity 300)`, `world 203.0.113.0`. */
export function endName(peer: Peer, identity: Identity | undefined, pod: NamespacedName | undefined): string {
  const at = peer.addr === undefined ? '' : ` ${peer.addr}`;
  if (pod !== undefined) return `${pod} (identity ${peer.identity})`;
  switch (identity?.kind) {
    case undefined:
      return `identity ${peer.identity}, which nobody knows`;
    case 'pod': {
      const { namespace } = identity.workload;
      const own = identityLabels(identity).filter(
        (label) => !label.includes('io.k8s') && !label.includes('io.cilium') && !label.includes('io.kubernetes'),
      );
      return `pods of ${namespace}${own.length === 0 ? '' : ` with ${own.slice(0, 3).join(' ')}`} (identity ${peer.identity})`;
    }
    case 'cidr':
      return `${identity.prefix.toString()}${at}`;
    case 'reserved':
      return `${identity.name}${at}`;
  }
}

/** The same for who sees some namespaces; undefined: it is not for him. Where prefixes end is said by somebody's policies. */
export function seenName(
  peer: Peer,
  identity: Identity | undefined,
  pod: NamespacedName | undefined,
  sees: (namespace: string) => boolean,
): string | undefined {
  if (identity?.kind === 'reserved') return identity.name;
  if (identity?.kind !== 'pod' || !sees(identity.workload.namespace)) return undefined;
  return endName({ ...peer, addr: undefined }, identity, pod);
}
