import { z } from 'zod';
import { count, direction, idInQuery, packetCount } from './fields.ts';

const inForce = z.enum(['wanted', 'in-part', 'former', 'closed']);

export const endpointSchema = z.object({
  id: count,
  /** `waiting` = everything is dropped until the identity and policy are known; `detail` says what is missing. */
  state: z.enum(['creating', 'waiting', 'ready', 'broken', 'deleting']),
  detail: z.string().optional(),
  namespace: z.string(),
  pod: z.string(),
  podUid: z.string(),
  containerId: z.string().optional(),
  addresses: z.array(z.string()),
  mac: z.string(),
  interface: z.string(),
  ifindex: count,
  /** 0: not known yet. */
  identity: count,
  labels: z.array(z.string()),
  namedPorts: z.array(z.object({ name: z.string(), port: count, protocol: z.string() })),
  /** Of what is in force. False: the direction is open. */
  enforced: z.object({ ingress: z.boolean(), egress: z.boolean() }),
  /** Is what the policies say in force? `former`: what was before; `closed`: nothing passes; `detail` says why. */
  inForce: z.object({ ingress: inForce, egress: inForce }),
  policyRevision: count,
  counters: z
    .object({
      /** Absent where what is forwarded is not counted by endpoint. */
      ingress: packetCount.optional(),
      egress: packetCount.optional(),
      drops: z.array(packetCount.extend({ reason: z.string(), direction })),
      /** Flow events about its connections that were above its share, or found the ring full. */
      missedEvents: count,
    })
    .optional(),
});
export type EndpointView = z.infer<typeof endpointSchema>;

/** By its number or by its pod. */
export const endpointRefSchema = z.union([
  z.strictObject({ id: idInQuery }),
  z.strictObject({ namespace: z.string(), pod: z.string() }),
]);
export type EndpointRef = z.output<typeof endpointRefSchema>;
