import { z } from 'zod';
import { count } from './fields.ts';

export const tenantSchema = z.object({
  /** Of the Tenant; `system` for the cluster's own namespaces, empty for those that no Tenant claims. */
  name: z.string(),
  /** Why all of its namespaces are closed; absent: they are not. */
  closed: z.string().optional(),
  /** `Observe`: nothing is refused; absent: of what is no Tenant. */
  mode: z.string().optional(),
  /** Absent: of the cluster's own namespaces and those of nobody policies decide. */
  boundary: z
    .object({
      world: z.string(),
      nodes: z.string(),
      /** Of `world: Listed`. */
      cidrs: z.array(z.string()).optional(),
      /** Absent: an agent from before there was such. */
      metadata: z.string().optional(),
    })
    .optional(),
  /** What is seen of pods at the other end of its flows, if their tenant says so, too; absent: of what is no Tenant. */
  peers: z.string().optional(),
  /** That exist, and are its own or claimed by it. */
  namespaces: z.array(
    z.object({
      name: z.string(),
      /** Why its pods reach nobody; absent: they are the tenant's. */
      closed: z.string().optional(),
    }),
  ),
  exports: z
    .array(z.object({ name: z.string(), service: z.string(), to: z.array(z.string()), expires: z.string().optional() }))
    .optional(),
  imports: z.array(z.object({ tenant: z.string(), export: z.string() })).optional(),
  /** Rows of the kernel that hold for what it imports: a pair of identities and a port each. */
  sharedRows: count.optional(),
  /** What it may have of this node at most, and has; absent: as much as its pods may. */
  limits: z
    .array(
      z.object({
        /** As in `spec.limits`. */
        name: z.string(),
        limit: count,
        /** Absent: it is no number of something. */
        used: count.optional(),
        /** Packets of its pods on this node, as long as they are there; of `flowEventsPerSecond`: events that were not told. */
        refused: count,
        /** Whose most of what is used is, or of what was refused. */
        most: z.object({ pod: z.string(), count }).optional(),
      }),
    )
    .optional(),
  /** Of its pods, that this node knows. */
  identities: count,
  /** What it claims and cannot have. */
  problems: z.array(z.string()),
});
export type TenantView = z.infer<typeof tenantSchema>;

export const tenantRefSchema = z.strictObject({ name: z.string().max(253) });
export type TenantRef = z.output<typeof tenantRefSchema>;
