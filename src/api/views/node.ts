import { z } from 'zod';
import { count, direction, packetCount } from './fields.ts';

export const nodeSchema = z.object({
  name: z.string(),
  local: z.boolean(),
  addresses: z.array(z.string()),
  podCIDRs: z.array(z.string()),
  identity: count,
  /** At the node's own devices; absent: of other nodes nothing is known. */
  drops: z.array(packetCount.extend({ reason: z.string(), direction })).optional(),
});
export type NodeView = z.infer<typeof nodeSchema>;
