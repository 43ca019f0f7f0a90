import { z } from 'zod';
import { count } from './fields.ts';

const loadedProgram = z.object({
  kernelId: count,
  /** The kernel keeps 15 characters. */
  name: z.string(),
  /** `tcx/ingress mbr0001`, `tail call from-pod`; empty: the agent holds it, to run it itself or for a device to come. */
  attachedTo: z.array(z.string()),
  /** After the verifier removed what is not used; 8 bytes each in `xlatedBytes`. */
  instructions: count,
  xlatedBytes: count,
  /** Machine code. */
  jitedBytes: count,
  /** `bytes_memlock` of bpftool. */
  memlockBytes: count,
  mapIds: z.array(count),
});

const loadedMap = z.object({
  kernelId: count,
  name: z.string(),
  type: z.string(),
  keyBytes: count,
  valueBytes: count,
  maxEntries: count,
  /** Where somebody keeps count of them. */
  entries: count.optional(),
  /** `bytes_memlock` of bpftool: what the kernel has allocated for it now. */
  memlockBytes: count,
});

export const footprintSchema = z.object({
  /** In the kernel now, each once. */
  programs: z.array(loadedProgram),
  maps: z.array(loadedMap),
  /** Of `programs` and `maps`, and nothing else. */
  totals: z.object({
    programs: count,
    instructions: count,
    jitedBytes: count,
    programMemlockBytes: count,
    maps: count,
    mapMemlockBytes: count,
  }),
  /** Copies, one of each program, that were loaded to compare and are gone again. */
  whatIf: z.array(
    z.object({
      features: z.enum(['none', 'all']),
      programs: z.array(z.object({ name: z.string(), instructions: count, jitedBytes: count })),
    }),
  ),
  features: z.array(
    z.object({
      name: z.string(),
      enabled: z.boolean(),
      description: z.string(),
      /** How many fewer the copies with all features have without this one. */
      instructions: count.optional(),
    }),
  ),
});
export type FootprintView = z.infer<typeof footprintSchema>;
