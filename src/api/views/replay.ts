import { z } from 'zod';
import { count, direction } from './fields.ts';

export const replayRequestSchema = z.strictObject({
  /** Policies, as the API server would be sent them: what is there of the same kind and name is replaced. */
  proposed: z.array(z.unknown()).max(1000),
  /** What is taken away. */
  deleted: z
    .array(
      z.strictObject({
        kind: z.string().min(1).max(64).default('NetworkPolicy'),
        /** Absent: cluster-wide. */
        namespace: z.string().min(1).max(253).optional(),
        name: z.string().min(1).max(253),
      }),
    )
    .max(1000)
    .default([]),
  /** Staged policies are thought enforced, those among `proposed` too. */
  staged: z.boolean().default(false),
  /** ms since the epoch: only flows that are not older. Absent: all that are kept. */
  since: z.number().optional(),
});
export type ReplayRequest = z.output<typeof replayRequestSchema>;

/** Who talked to whom, and what becomes of that. */
const replayedPair = z.object({
  /** `stops`: what flowed would be dropped. `opens`: what policy dropped would flow. */
  change: z.enum(['stops', 'opens']),
  /** `namespace/pod`, or an address. */
  from: z.string(),
  to: z.string(),
  protocol: z.string(),
  /** Absent: ICMP. */
  port: count.optional(),
  flows: count,
  /** Of the last of them, in ms since the epoch. */
  last: z.number(),
  /** At which end that is decided. */
  direction,
  /** `NetworkPolicy shop/backend`: those that decide with the change; empty: a default does. */
  policies: z.array(z.string()),
  /** `ingress rule 1` */
  rule: z.string().optional(),
  /** One sentence, with the change. */
  reason: z.string(),
});

export const replaySchema = z.object({
  node: z.string(),
  /** Of the flows that were looked at: connections that opened, and those that policy dropped. */
  flows: z.object({ opened: count, dropped: count }),
  /** Flows that are missing, by where they were lost. */
  lost: z.object({ kernel: count, store: count, reader: count }),
  /** Those with most flows first. */
  pairs: z.array(replayedPair),
  /** Flows of pairs that are too many to be told of one by one. */
  beyond: z.object({ stops: count, opens: count }),
  /** Flows that policies as they are now judge otherwise already, or whose pods are gone: nothing changes for these. */
  past: z.object({ judgedAnew: count, gone: count }),
  /** What nobody here can say of some, and why. */
  unjudged: z.array(z.object({ why: z.string(), flows: count })),
});
export type ReplayView = z.infer<typeof replaySchema>;
