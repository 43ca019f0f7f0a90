import { type Intent, podRangesOf, tunnelOf } from '../../cluster/index.ts';
import type { NativeRoute } from '../../datapath/index.ts';

/**
 * IPv4 ranges of pods, and the node that has each. Undefined: the nodes are not known yet, and the routes that an earlier life
 * laid are as right as they were.
 */
export function rangesElsewhere(
  nodeName: string,
  { nodes }: Pick<Intent, 'nodes'>,
): readonly NativeRoute[] | undefined {
  if (!nodes.synced) return undefined;
  const others = Array.from(nodes.rows.values()).filter(({ name }) => name !== nodeName);
  return others.flatMap((row) => {
    const via = tunnelOf(row);
    const ranges = podRangesOf(row).filter(({ family }) => family === 4);
    return via === null ? [] : ranges.map((range) => ({ range, via }));
  });
}
