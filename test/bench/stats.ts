/** `share` from 0 to 1; nearest rank. Of nothing: NaN. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** `value`, `n`, `min` and `max` of a row, by its median unless another share is asked for. */
export function summary(values: readonly number[], share = 0.5) {
  return {
    value: percentile(values, share),
    n: values.length,
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/** Median of the ratios of what was measured in the same round. */
export function pairedRatio(ours: readonly number[], baseline: readonly number[]): number {
  return median(ours.map((value, round) => value / (baseline[round] ?? Number.NaN)));
}

/** Runs every measurement once a round, each round in another order, so that drift hits all alike. */
export async function interleaved<Name extends string>(
  rounds: number,
  measurements: Readonly<Record<Name, () => number | Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(measurements) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? names : names.toReversed();
    for (const name of order) results[name].push(await measurements[name]());
  }
  return results;
}
