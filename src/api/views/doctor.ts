import { z } from 'zod';

/** From worst to best. */
export const SEVERITIES = ['critical', 'warning', 'info', 'ok'] as const;
export type Severity = (typeof SEVERITIES)[number];

const findingSchema = z.object({
  severity: z.enum(SEVERITIES),
  /** What was looked at: `route_localnet`, `hooks`, `map policy`. */
  check: z.string(),
  /** What was found, and where. */
  evidence: z.string(),
  /** What to do; absent when nothing is to be done. */
  remedy: z.string().optional(),
});
export type Finding = z.infer<typeof findingSchema>;

export const doctorSchema = z.object({ findings: z.array(findingSchema) });
export type DoctorReport = z.infer<typeof doctorSchema>;
