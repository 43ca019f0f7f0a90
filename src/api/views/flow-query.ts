import { z } from 'zod';
import { FLOW_TYPES, FLOW_VERDICTS } from '../../model/index.ts';

const words = z.array(z.string().min(1).max(512)).max(64).optional();

const numbers = (max: number) => z.array(z.number().int().min(0).max(max)).max(64).optional();

const flowFilterSchema = z.strictObject({
  fromPod: words,
  toPod: words,
  pod: words,
  namespace: words,
  fromLabel: words,
  toLabel: words,
  fromIdentity: numbers(0xffff_ffff),
  toIdentity: numbers(0xffff_ffff),
  verdict: z.array(z.enum(FLOW_VERDICTS)).optional(),
  type: z.array(z.enum(FLOW_TYPES)).optional(),
  reason: words,
  port: numbers(65_535),
  protocol: words,
});

export const observeRequestSchema = z.strictObject({
  filter: flowFilterSchema.default({}),
  /** How many stored flows to send first, the newest ones that match. Neither this nor a time: none. */
  last: z.number().int().min(0).max(16_777_216).optional(),
  /** Instead: the oldest so many. */
  first: z.number().int().min(0).max(16_777_216).optional(),
  /** ms since the epoch, both included. */
  since: z.number().optional(),
  until: z.number().optional(),
  /** As somebody else may see them; he is taken to be in the group system:authenticated, as all are whom the API server knows. */
  as: z
    .strictObject({
      user: z.string().min(1).max(512),
      groups: z
        .array(z.string().min(1).max(512))
        .max(64)
        .default([])
        .transform((groups) => [...new Set([...groups, 'system:authenticated'])]),
    })
    .optional(),
  /** Go on with what happens from now. */
  follow: z.boolean().default(false),
});
export type ObserveRequest = z.output<typeof observeRequestSchema>;
