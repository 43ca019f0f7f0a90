import { z } from 'zod';
import { count } from './fields.ts';

export const footprintSchema = z.object({
  programs: z.array(
    z.object({
      name: z.string(),
      /** `tcx/ingress mbr0001`. */
      attachedTo: z.string(),
      kernelId: count,
      /** eBPF instructions after the verifier removed what is not used. */
      instructions: count,
      jitedBytes: count,
    }),
  ),
  maps: z.array(
    z.object({ name: z.string(), type: z.string(), maxEntries: count, entries: count.optional(), memoryBytes: count }),
  ),
  features: z.array(
    z.object({ name: z.string(), enabled: z.boolean(), description: z.string(), instructions: count.optional() }),
  ),
});
export type FootprintView = z.infer<typeof footprintSchema>;
