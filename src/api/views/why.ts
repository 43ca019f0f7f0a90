import { z } from 'zod';
import { count } from './fields.ts';
import { traceRequestSchema, traceSchema, traceSteps } from './trace.ts';

export const whyRequestSchema = traceRequestSchema.omit({ proposed: true });
export type WhyRequest = z.output<typeof whyRequestSchema>;

/** Between two ends, as the policies of both and their tenants have it. */
const changed = z.array(
  z.object({
    from: z.string(),
    to: z.string(),
    /** `TCP 5432`, `UDP 1-65535` */
    packets: z.array(z.string()),
  }),
);

export const whySchema = z.object({
  trace: traceSchema,
  /** What would let it pass; only of what is denied. */
  change: z
    .object({
      /** NetworkPolicies to be added, as the API server takes them. */
      policies: z.array(z.record(z.string(), z.unknown())),
      /** What each step of its way would say with them: which rule lets it pass then. */
      after: traceSteps,
      /** What they would let pass besides, of pods and addresses that this node knows of. */
      opens: changed,
      /** What they would end, since who has a policy of his own is open to nothing else. */
      closes: changed,
      /** Of both lists together, beyond what is told. */
      more: count,
    })
    .optional(),
  /** Why no NetworkPolicy would. */
  noChange: z.string().optional(),
});
export type WhyView = z.infer<typeof whySchema>;
