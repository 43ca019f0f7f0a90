import { z } from 'zod';
import { count } from './fields.ts';

const connectionEnd = z.object({ addr: z.string(), port: count, endpoint: count, identity: count });

export const connectionSchema = z.object({
  protocol: z.string(),
  /** The side that opened the connection. */
  source: connectionEnd,
  destination: connectionEnd,
  /** False: taken under an older policy or identity, judged anew with its next packet. */
  current: z.boolean(),
  replied: z.boolean(),
  closing: z.boolean(),
  midstream: z.boolean(),
  natPort: count.optional(),
  expiresInSeconds: z.number(),
  rules: z.object({ ingress: z.string().optional(), egress: z.string().optional() }),
});
export type ConnectionView = z.infer<typeof connectionSchema>;
