import { LabelFilter } from '../../identity/index.ts';
import type { LabelMap } from '../../model/index.ts';

/** A label selector as manifests have it; without members it selects everything. */
export type DraftSelector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: 'DoesNotExist' }[];
};

/** Without what controllers make different for each replica or revision: a policy by that would hold until the next one. */
const filter = new LabelFilter();

export const lasting = (labels: LabelMap): LabelMap => filter.apply(labels);

/**
 * Selects pods with these labels, and of the others only those that no selector tells from them: who has the same and more
 * besides is excluded by what he has more.
 */
export function narrowSelector(labels: LabelMap, others: Iterable<LabelMap>): DraftSelector {
  const own = lasting(labels);
  let rest = Array.from(others, lasting).filter(
    (other) => other.size > own.size && Array.from(own).every(([key, value]) => other.get(key) === value),
  );
  const excluded: string[] = [];
  while (rest.length > 0) {
    const key = mostCommon(rest.flatMap((other) => Array.from(other.keys()).filter((one) => !own.has(one))));
    if (key === undefined) break;
    excluded.push(key);
    rest = rest.filter((other) => !other.has(key));
  }
  return {
    ...(own.size === 0
      ? {}
      : { matchLabels: Object.fromEntries(Array.from(own).sort(([a], [b]) => (a < b ? -1 : 1))) }),
    ...(excluded.length === 0
      ? {}
      : { matchExpressions: excluded.sort().map((key) => ({ key, operator: 'DoesNotExist' as const })) }),
  };
}

function mostCommon(keys: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  const [first] = Array.from(counts).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return first?.[0];
}
