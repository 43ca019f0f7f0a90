import { namespacedName } from '../../base/index.ts';
import type { NodeEndpoint } from '../../model/index.ts';
import type { Plane } from '../../plane/index.ts';

/** What there is to tell of this node's pods: those that are somebody, and those that have the addresses of the node. */
export function toldEndpoints({
  intent,
  endpoints,
  engine,
}: Pick<Plane, 'intent' | 'endpoints' | 'engine'>): NodeEndpoint[] {
  // Of two sandboxes of one pod the later one is what it runs in.
  const own = new Map<string, NodeEndpoint>();
  for (const endpoint of endpoints.values()) {
    const identity = endpoint.state === 'disconnecting' ? undefined : engine.identityOf(endpoint);
    if (identity === undefined) continue;
    const { pod, addr } = endpoint.record;
    const { namespace, name } = pod;
    own.set(namespacedName(pod), { namespace, name, own: { identity: identity.id, addresses: [addr] } });
  }
  const inHostNetwork = intent.pods.rows
    .values()
    .filter(({ hostNetwork, phase }) => hostNetwork && phase !== 'Succeeded' && phase !== 'Failed')
    .map(({ namespace, name }): NodeEndpoint => ({ namespace, name, own: undefined }));
  return [...own.values(), ...inHostNetwork];
}
