import { z } from 'zod';
import { count, idInQuery } from './fields.ts';

export const identitySchema = z.object({
  id: count,
  kind: z.enum(['reserved', 'cluster', 'cidr']),
  /** `reserved:world`, `k8s:app=web`, `cidr:10.0.0.0/8`; sorted. */
  labels: z.array(z.string()),
  /** Of pods. */
  namespace: z.string().optional(),
  serviceAccount: z.string().optional(),
  /** What the pods say of themselves, as far as it counts: `app=web`; sorted. */
  podLabels: z.array(z.string()).optional(),
  namedPorts: z.array(z.object({ name: z.string(), port: count, protocol: z.string() })).optional(),
  /** Endpoints of this node with it. */
  endpoints: count,
  /** Pods of the cluster that have it, policies that name the range, nodes. 0: of a pod's, it goes after the grace time; a reserved one nobody has. */
  references: count,
});
export type IdentityView = z.infer<typeof identitySchema>;

export const identityRefSchema = z.strictObject({ id: idInQuery });
export type IdentityRef = z.output<typeof identityRefSchema>;
