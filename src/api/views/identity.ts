import { z } from 'zod';
import { count, idInQuery } from './fields.ts';

export const identitySchema = z.object({
  id: count,
  kind: z.enum(['reserved', 'cluster', 'cidr']),
  /** `reserved:world`, `k8s:app=web`, `cidr:10.0.0.0/8`; sorted. */
  labels: z.array(z.string()),
  /** Endpoints of this node with it. */
  endpoints: count,
  /** Whatever holds it: endpoints, remote pods, policies. 0: it goes after the grace time. */
  references: count,
});
export type IdentityView = z.infer<typeof identitySchema>;

export const identityRefSchema = z.strictObject({ id: idInQuery });
export type IdentityRef = z.output<typeof identityRefSchema>;
