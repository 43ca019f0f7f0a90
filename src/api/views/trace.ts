import { z } from 'zod';
import { count, direction } from './fields.ts';

/** `namespace/pod`, `service:namespace/name` (as destination), a node's name, an IP address, `identity:ID`, or a reserved name: `host`, `world`, `remote-node`, ... */
const tracePeer = z.string().min(1).max(512);

/** What is asked is understood whole or refused: an answer to half of a question would be taken for one to all of it. */
export const traceRequestSchema = z.strictObject({
  from: tracePeer,
  to: tracePeer,
  /** Destination port, or its name at the pod or service; absent for ICMP. */
  port: z.union([z.number().int().min(0).max(65_535), z.string().min(1).max(63)]).optional(),
  protocol: z.enum(['TCP', 'UDP', 'SCTP', 'ICMP']).default('TCP'),
  /** Policies, as the API server would be sent them, that are to be thought over what is in force. */
  proposed: z.array(z.unknown()).max(1000).optional(),
});
export type TraceRequest = z.output<typeof traceRequestSchema>;

const tracedEnd = z.object({ name: z.string(), identity: count, labels: z.array(z.string()) });

const verdict = z.enum(['allowed', 'denied']);

/** In the order of the packet's path; the first denial ends it. */
export const traceSteps = z.array(
  z.object({
    direction,
    verdict: z.enum(['allowed', 'denied']),
    /** False: no policy selects the subject in this direction. */
    enforced: z.boolean(),
    /** `NetworkPolicy tenant-a/backend`; absent: a default decided. */
    policy: z.string().optional(),
    rule: z.string().optional(),
    /** Why it is dropped whatever policies say. */
    drop: z.string().optional(),
    /** Whose frontend the connection goes through. */
    service: z.string().optional(),
    /** One sentence for people. */
    reason: z.string(),
    /** The rule that would have allowed it, but for one condition. */
    nearestMiss: z.object({ policy: z.string(), rule: z.string(), because: z.string() }).optional(),
    /** What will hold once the table that is being written is in force; the step says what holds now. */
    pending: z.object({ verdict, reason: z.string() }).optional(),
  }),
);

export const traceSchema = z.object({
  verdict,
  from: tracedEnd,
  to: tracedEnd,
  port: count.optional(),
  protocol: z.string(),
  steps: traceSteps,
  /** The same with the proposed policies. */
  proposed: z.object({ verdict, steps: traceSteps }).optional(),
  /** The same once all staged policies are enforced; absent: none of them is about an end. */
  staged: z.object({ verdict, steps: traceSteps }).optional(),
});
export type TraceView = z.infer<typeof traceSchema>;
