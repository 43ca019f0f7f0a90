import { z } from 'zod';
import { count } from './fields.ts';

const serviceSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  type: z.string(),
  /** `ignored`: headless, ExternalName or another proxy's. `refused`: has no backends that it had not before; `problems` say why. */
  state: z.enum(['applied', 'pending', 'refused', 'ignored']),
  /** What is special about the choice of a backend: `affinity 600s`, `internal Local`. Empty: any, at random. */
  steering: z.array(z.string()),
  frontends: z.array(
    z.object({
      kind: z.enum(['ClusterIP', 'NodePort', 'ExternalIP', 'LoadBalancer', 'HostPort']),
      /** `::`: every address of the node. */
      address: z.string(),
      port: count,
      protocol: z.string(),
      /** False: another service has this address and port. */
      served: z.boolean(),
      backends: count,
    }),
  ),
  /** The first hundred. `draining-used`: on its way out, used because nobody is ready. `not-ready`: finishes what it has. */
  backends: z.array(
    z.object({
      address: z.string(),
      port: count,
      protocol: z.string(),
      state: z.enum(['ready', 'draining-used', 'draining', 'not-ready']),
      pod: z.string().optional(),
      local: z.boolean(),
    }),
  ),
  backendCount: count,
  problems: z.array(z.object({ reason: z.string(), message: z.string() })),
});
export type ServiceView = z.infer<typeof serviceSchema>;

export const serviceListSchema = z.object({
  enabled: z.boolean(),
  /** Where sockets are turned to backends; absent: only packets are. */
  cgroup: z.string().optional(),
  items: z.array(serviceSchema),
});
export type ServiceList = z.infer<typeof serviceListSchema>;
