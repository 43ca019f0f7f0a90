import type { Finding } from '../../api/index.ts';
import { fine, some } from './finding.ts';

export type MapFill = {
  readonly name: string;
  /** True: when it is full, the least recently used entry goes, and nothing is refused. */
  readonly isLru: boolean;
  readonly entries: number;
  readonly maxEntries: number;
};

const WARN_AT = 0.8;
const CRITICAL_AT = 0.95;

export function judgeMaps(maps: readonly MapFill[]): Finding[] {
  const check = 'maps';
  const filling = maps.filter(({ entries, maxEntries }) => entries / maxEntries >= WARN_AT);
  const findings = filling.map(({ name, isLru, entries, maxEntries }): Finding => {
    const fill = entries / maxEntries;
    const evidence = `${name} holds ${entries} of ${maxEntries} entries (${Math.floor(fill * 100)} %)`;
    if (isLru) {
      const remedy = `Raise maps.${name}: from then on the least recently used entries go, of whomever they are.`;
      return { severity: 'info', check, evidence, remedy };
    }
    const remedy = `Raise maps.${name} in the agent's configuration: what does not fit is refused.`;
    return { severity: fill >= CRITICAL_AT ? 'critical' : 'warning', check, evidence, remedy };
  });
  if (findings.length > 0) return findings;
  const byFill = maps.toSorted((a, b) => b.entries / b.maxEntries - a.entries / a.maxEntries);
  const fullest = byFill.slice(0, 3).map((map) => `${map.name} ${Math.floor((map.entries / map.maxEntries) * 100)} %`);
  return [fine(check, `the fullest of ${maps.length}: ${some(fullest)}`)];
}
