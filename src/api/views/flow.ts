import { z } from 'zod';
import { FLOW_CHANGES, FLOW_HOOKS, FLOW_LOSS_PLACES, FLOW_TYPES, FLOW_VERDICTS, TCP_FLAGS } from '../../model/index.ts';
import { count, direction } from './fields.ts';

const flowEnd = z.object({
  addr: z.string(),
  port: count.optional(),
  identity: count,
  labels: z.array(z.string()),
  namespace: z.string().optional(),
  pod: z.string().optional(),
  endpoint: count.optional(),
});

const denial = z.object({
  direction,
  by: z.enum(['policies', 'enforcement', 'rule', 'closed', 'changed']),
  policies: z.array(z.string()),
  reason: z.string(),
  judged: z.enum(['then', 'later']).optional(),
  nearestMiss: z.object({ policy: z.string(), rule: z.string(), wants: z.string(), because: z.string() }).optional(),
});

const shadow = z.object({
  change: z.enum(FLOW_CHANGES),
  by: z.enum(['tenant', 'policy']),
  reason: z.string(),
  text: z.string(),
  policies: z.array(z.string()).optional(),
});

const flowSchema = z.object({
  time: z.number(),
  node: z.string(),
  type: z.enum(FLOW_TYPES),
  verdict: z.enum(FLOW_VERDICTS),
  dropReason: z.string().optional(),
  direction,
  source: flowEnd,
  destination: flowEnd,
  protocol: z.string(),
  tcpFlags: z.array(z.enum(TCP_FLAGS)),
  rules: z.object({ ingress: z.string().optional(), egress: z.string().optional() }),
  denial: denial.optional(),
  shadow: shadow.optional(),
  isReply: z.boolean(),
  length: count,
  ifindex: count,
  hook: z.enum(FLOW_HOOKS),
});

/** What the stream of flows says: a flow, or that some were lost there. */
export const flowMessageSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('flow'), flow: flowSchema }),
  z.object({ kind: z.literal('lost'), place: z.enum(FLOW_LOSS_PLACES), count }),
]);
export type ObserveLine = z.infer<typeof flowMessageSchema>;
