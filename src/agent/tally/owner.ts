import type { Membership } from '../../tenant/index.ts';

/** The value of the label `tenant`. What is no Tenant begins with `_`, which no name of an object does. */
export function ownerOf(namespace: string, membership: Membership): string {
  const belonging = membership.of(namespace);
  return belonging.state === 'tenant' ? belonging.tenant.name : `_${belonging.state}`;
}

/** What is of the node itself, and of no namespace. */
export const NODE = '_node';
/** What is of no namespace: policies of the whole cluster. */
export const CLUSTER = '_cluster';
