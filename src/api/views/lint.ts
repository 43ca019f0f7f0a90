import { z } from 'zod';

export const lintRequestSchema = z.strictObject({
  /** Policies, as the API server would be sent them: only what is found about them is told. */
  proposed: z.array(z.unknown()).max(1000).optional(),
});
export type LintRequest = z.output<typeof lintRequestSchema>;

export const lintSchema = z.object({
  /** Warnings first. */
  findings: z.array(
    z.object({
      /** `warning`: very likely a mistake. `info`: worth a look. */
      severity: z.enum(['warning', 'info']),
      rule: z.string(),
      /** `NetworkPolicy shop/backend`, `Namespace shop`. */
      object: z.string(),
      /** `spec.ingress[0].from[1]`; absent: the object as a whole. */
      field: z.string().optional(),
      why: z.string(),
      remedy: z.string(),
    }),
  ),
});
export type LintView = z.infer<typeof lintSchema>;
