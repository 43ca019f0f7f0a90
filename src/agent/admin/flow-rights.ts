import type { Clock } from '../../base/index.ts';
import { type AskAccess, Rights, type Subject } from '../../observe/index.ts';
import type { Plane } from '../../plane/index.ts';
import { seenPeer } from '../../tenant/index.ts';

/** What the API server is asked of those who want to see flows. */
export type FlowReviews = {
  readonly mayAccess: AskAccess;
  /** Whose a token is; undefined: nobody's. */
  readonly ofToken: (token: string) => Promise<Subject | undefined>;
};

/** Who may see which flows, as the API server says; whose a namespace is, as the Tenants say. */
export function flowRights(
  { intent, floor }: Pick<Plane, 'intent' | 'floor'>,
  { mayAccess }: FlowReviews,
  clock: Clock,
): Rights {
  return new Rights({
    ask: mayAccess,
    tenantOf: (namespace) => {
      const belonging = floor.membership.of(namespace);
      return belonging.state === 'tenant' ? belonging.tenant.name : undefined;
    },
    peers: (own, other) => seenPeer(floor.membership, own, other),
    namespaces: () => Array.from(intent.namespaces.rows.values(), ({ name }) => name),
    clock,
  });
}
