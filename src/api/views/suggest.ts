import { z } from 'zod';
import { count } from './fields.ts';

export const talksRequestSchema = z.strictObject({
  namespace: z.string().min(1).max(63),
  /** ms since the epoch. */
  since: z.number(),
});
export type TalksRequest = z.output<typeof talksRequestSchema>;

const talkEnd = z.object({
  identity: count,
  addr: z.string(),
  /** `shop/web-1`, one of those that have this identity; absent: no pod. */
  pod: z.string().optional(),
});

/** Connections that were let pass from everybody of one identity to everybody of another, at one port. */
const talk = z.object({
  opener: talkEnd,
  responder: talkEnd,
  protocol: z.string(),
  port: count.optional(),
  connections: count,
  /** ms since the epoch. */
  first: z.number(),
  last: z.number(),
});
export type Talk = z.infer<typeof talk>;

/** What one node has seen of a namespace. */
export const talksSchema = z.object({
  node: z.string(),
  /** Nothing is missing from then on but `lost`; ms since the epoch. */
  since: z.number(),
  /** Flows of the node that were lost meanwhile, whosever they were. */
  lost: count,
  talks: z.array(talk),
});
export type TalksView = z.infer<typeof talksSchema>;

export const suggestRequestSchema = z.strictObject({
  namespace: talksRequestSchema.shape.namespace,
  since: z.number(),
  /** Of each node. */
  seen: z.array(talksSchema).max(10_000),
  /** Take what was seen for all that there is, though it is known that some is missing. */
  partial: z.boolean().default(false),
});
export type SuggestRequest = z.output<typeof suggestRequestSchema>;

export const suggestSchema = z.object({
  suggestions: z.array(
    z.object({
      policy: z.record(z.string(), z.unknown()),
      /** Of each rule what it was seen by, in the words of people. */
      evidence: z.array(z.array(z.string())),
    }),
  ),
  /** What is left as it is, and why. */
  left: z.array(z.string()),
  /** Of what was seen, how much is let pass with the suggestions. */
  replay: z.object({ seen: count, allowed: count }),
  /** Pairs of workloads or addresses that were not seen to talk and could not any more, or not by all ports. */
  closed: count,
});
export type SuggestView = z.infer<typeof suggestSchema>;
