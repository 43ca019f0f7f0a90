import { z } from 'zod';

/** How policies are read; the same for every pod of a node. */
export const policySettingsSchema = z.strictObject({
  enforcement: z
    .enum(['default', 'always', 'never'])
    .default('default')
    .describe('Whom policy restricts: pods that a policy selects, every pod, or nobody.'),
  cidrSelects: z
    .array(z.enum(['pods', 'nodes']))
    .default(['pods', 'nodes'])
    .describe('Whether an ipBlock also selects pods and nodes by their addresses, as the Kubernetes suite demands.'),
  allowLocalhost: z
    .enum(['always', 'policy'])
    .default('always')
    .describe('Whether a node always reaches its own pods (health probes) unless denied, or only when policy says so.'),
});

export type PolicySettings = z.infer<typeof policySettingsSchema>;
export type Enforcement = PolicySettings['enforcement'];
export type CidrSelects = PolicySettings['cidrSelects'];
export type AllowLocalhost = PolicySettings['allowLocalhost'];
