import { z } from 'zod';
import { count, direction } from './fields.ts';

export const policySchema = z.object({
  kind: z.string(),
  /** Absent: cluster-wide. */
  namespace: z.string().optional(),
  name: z.string(),
  uid: z.string().optional(),
  /**
   * `refused`: its table does not fit. `unreadable`, `no-room`: rules that cannot be read, or whose peers do not fit,
   * admit nobody; the rest is in force. `staged`: nothing of it is, and `endpoints` and `rules` say what would be. `mirror`: it
   * says what the floor does, and nothing of it ever is. `detail` says why.
   */
  state: z.enum(['applied', 'pending', 'refused', 'unreadable', 'no-room', 'staged', 'mirror']),
  detail: z.string().optional(),
  /** Since when it is in this state here; absent where nothing of it has been taken up. */
  since: z.string().optional(),
  /** What happens to pods of this node for which it is not wholly in force. */
  meanwhile: z.array(
    z.object({
      direction,
      /** What holds instead: nothing passes, what was in force before, or all of it but some peers or policies. */
      inForce: z.enum(['closed', 'former', 'in-part']),
      why: z.string(),
      since: z.string(),
      pods: z.array(z.string()),
    }),
  ),
  directions: z.array(direction),
  /** How many endpoints of this node it selects. */
  endpoints: count,
  rules: z.array(z.object({ id: count, direction, verdict: z.enum(['allow', 'deny']), text: z.string() })),
});
export type PolicyView = z.infer<typeof policySchema>;

/** What is absent may be anything; `namespace` is empty for cluster-wide kinds. */
export const policyFilterSchema = z.strictObject({
  kind: z.string().optional(),
  namespace: z.string().optional(),
  name: z.string().optional(),
});
export type PolicyFilter = z.output<typeof policyFilterSchema>;
