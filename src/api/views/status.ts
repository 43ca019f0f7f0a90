import { z } from 'zod';
import { count } from './fields.ts';

const checkSchema = z.object({
  name: z.string(),
  ok: z.boolean(),
  /** What was found; for a failed check also what to do. */
  detail: z.string(),
});
export type Check = z.infer<typeof checkSchema>;

export const statusSchema = z.object({
  node: z.string(),
  cluster: z.string(),
  version: z.string(),
  pid: count,
  startedAt: z.string(),
  /** True when the agent has synced with Kubernetes and every endpoint that can be is enforced. */
  ready: z.boolean(),
  kernel: z.string(),
  policyEnforcement: z.enum(['default', 'always', 'never']),
  policyRevision: count,
  /** Switches of the configuration by name. */
  features: z.record(z.string(), z.boolean()),
  checks: z.array(checkSchema),
  counts: z.object({ endpoints: count, endpointsReady: count, identities: count, policies: count, nodes: count }),
  flows: z.object({
    seen: count,
    stored: count,
    readers: count,
    lost: z.object({ kernel: count, store: count, reader: count }),
  }),
});
export type AgentStatus = z.infer<typeof statusSchema>;
