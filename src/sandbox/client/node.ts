import { z } from 'zod';
import { segment } from './pod.ts';

/** What the scheduler reads of a node. */
export const nodeSchema = z.object({
  metadata: z.object({
    name: segment,
    uid: z.string().optional(),
    labels: z.record(z.string(), z.string()).default({}),
  }),
  spec: z
    .object({
      unschedulable: z.boolean().default(false),
      taints: z.array(z.object({ key: z.string(), value: z.string().default(''), effect: z.string() })).default([]),
    })
    .default({ unschedulable: false, taints: [] }),
  status: z
    .object({
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
      /** Quantities; what is not named has no limit. */
      allocatable: z.record(z.string(), z.string()).default({}),
    })
    .default({ conditions: [], allocatable: {} }),
});

export type Node = z.infer<typeof nodeSchema>;

export function nodeIsReady(node: Node): boolean {
  return node.status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
