import type { Addr } from '../net/index.ts';
import type { Intent } from './intent.ts';
import { podRangesOf } from './pod-ranges.ts';
import type { PodsElsewhere } from './pods-elsewhere.ts';

/**
 * Whether somebody may still have an address: not when it is one of the pods' and no pod has it. Of addresses that are not
 * pods' nobody here knows.
 */
export function livingAddresses(
  { pods, nodes }: Pick<Intent, 'pods' | 'nodes'>,
  elsewhere: Pick<PodsElsewhere, 'isTold'>,
): (addr: Addr) => boolean {
  const living = new Set<string>();
  for (const { podIPs, phase } of pods.rows.values()) {
    if (phase !== 'Succeeded' && phase !== 'Failed') for (const addr of podIPs) living.add(addr);
  }
  const ranges = Array.from(nodes.rows.values()).flatMap(podRangesOf);
  return (addr) => living.has(addr) || elsewhere.isTold(addr) || !ranges.some((range) => range.contains(addr));
}
