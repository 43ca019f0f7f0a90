import type { NodeRow } from '../model/index.ts';
import { Prefix } from '../net/index.ts';

/** What a node gives to its pods. What is no prefix is nobody's range. */
export function podRangesOf({ podCIDRs }: Pick<NodeRow, 'podCIDRs'>): Prefix[] {
  return podCIDRs.flatMap((text) => {
    try {
      return [Prefix.parse(text, { hostBits: 'clear' })];
    } catch {
      return [];
    }
  });
}
