import { z } from 'zod';
import { count } from './fields.ts';

/** Another node, as this one finds it now. */
export const peerSchema = z.object({
  name: z.string(),
  /** By which it is known in the overlay; absent: it has none that could be, and nothing goes there. */
  address: z.string().optional(),
  podCIDRs: z.array(z.string()),
  /** Whether its address answers; absent: it was not asked, there are many. */
  answers: z.boolean().optional(),
  /** What pods and processes here have open with it through the tunnel; absent: there is no tunnel. */
  tunnel: z
    .object({
      connections: count,
      /** Of them: nothing has come back yet. */
      unanswered: count,
      /** Since the last packet of one, either way; absent: there is none. */
      idleSeconds: count.optional(),
    })
    .optional(),
});
export type PeerView = z.infer<typeof peerSchema>;
