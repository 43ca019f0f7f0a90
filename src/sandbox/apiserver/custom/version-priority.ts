const VERSION = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;
const STAGES = ['alpha', 'beta', undefined];

/**
 * The order in which versions are preferred: stable ones before beta before alpha, of each the highest first; then whatever
 * is not named like that, by name.
 */
export function comparePriority(a: string, b: string): number {
  const [one, other] = [VERSION.exec(a), VERSION.exec(b)];
  if (one === null || other === null) return Number(one === null) - Number(other === null) || (a < b ? -1 : 1);
  const rank = ([, major, stage, minor]: RegExpExecArray): number[] => [
    STAGES.indexOf(stage),
    Number(major),
    Number(minor ?? 0),
  ];
  const [ranks, others] = [rank(one), rank(other)];
  return ranks.map((value, index) => (others[index] ?? 0) - value).find((difference) => difference !== 0) ?? 0;
}
