import { z } from 'zod';

export const direction = z.enum(['ingress', 'egress']);

export const count = z.number().int().nonnegative();

export const packetCount = z.object({ packets: count, bytes: count });

/** A number that a query carries as text. */
export const idInQuery = z.union([
  count,
  z
    .string()
    .regex(/^\d{1,10}$/)
    .transform(Number),
]);
