import type { Family, Row, Target } from '../row.ts';
import { interleaved, pairedRatio, summary } from '../stats.ts';
import { LOADS, type Load, LoadedPath } from './load.ts';
import { membranePath } from './membrane-path.ts';
import { barePair, bridgeWithRules } from './paths.ts';

const ROUNDS = 25;
const SECONDS = 0.25;
const RULES = 100;
const MANY = 50_000;

const UNITS: Readonly<Record<Load, { readonly unit: string; readonly of: (value: number) => number }>> = {
  stream: { unit: 'Gbit/s', of: (bytes) => (bytes * 8) / 1e9 },
  rr: { unit: '/s', of: (value) => value },
  crr: { unit: '/s', of: (value) => value },
};

const AT_LEAST: Readonly<Record<Load, number>> = { stream: 0.95, rr: 0.95, crr: 0.9 };

/** Same node, pod to pod, real packets: beside a bare veth pair and a bridge with iptables. */
export const wire: Family = {
  rows: ['path.stream', 'path.rr', 'path.crr'],
  run: async (report) => {
    await using ours = await LoadedPath.on(await membranePath('path'));
    await using bare = await LoadedPath.on(await barePair());
    await using bridge = await LoadedPath.on(await bridgeWithRules('bridge', RULES));
    for (const load of LOADS) {
      const { unit, of } = UNITS[load];
      const measure = (path: LoadedPath) => async () => of(await path.measure(load, SECONDS));
      const paths = { ours: measure(ours), bare: measure(bare), bridge: measure(bridge) };
      for (const warmUp of Object.values(paths)) await warmUp();
      const results = await interleaved(ROUNDS, paths);
      const row = (name: string, baseline: number[], what: string, limit: number): Row => ({
        name,
        ...summary(results.ours),
        unit,
        baseline: `${unit}, ${what}`,
        baselineValue: summary(baseline).value,
        ratio: pairedRatio(results.ours, baseline),
        target: { of: 'ratio', bound: 'at least', limit },
      });
      report(row(`path.${load}`, results.bare, 'bare veth pair', AT_LEAST[load]));
      report(row(`path.${load}.bridge`, results.bridge, `bridge, ${RULES} iptables rules`, 1));
    }
  },
};

const FLAT: Target = { of: 'ratio', bound: 'at least', limit: 0.95 };

/** The same with 50,000 entries in both policies, beside itself without, and beside iptables with as many rules. */
export const wireScale: Family = {
  rows: ['scale.rr', 'scale.crr'],
  run: async (report) => {
    await using none = await LoadedPath.on(await membranePath('none'));
    await using many = await LoadedPath.on(await membranePath('many', MANY));
    await using bridge = await LoadedPath.on(await bridgeWithRules('rules', MANY));
    for (const load of ['rr', 'crr'] as const) {
      const measure = (path: LoadedPath) => () => path.measure(load, SECONDS);
      const paths = { none: measure(none), many: measure(many) };
      for (const warmUp of Object.values(paths)) await warmUp();
      const results = await interleaved(ROUNDS, paths);
      const rules = [await bridge.measure(load, SECONDS), await bridge.measure(load, SECONDS)];
      const row = (name: string, baseline: number[], what: string, target: Target): Row => ({
        name,
        ...summary(results.many),
        unit: '/s',
        baseline: `/s, ${what}`,
        baselineValue: summary(baseline).value,
        ratio: summary(results.many).value / summary(baseline).value,
        target,
      });
      report({
        ...row(`scale.${load}`, results.none, 'no entries', FLAT),
        ratio: pairedRatio(results.many, results.none),
      });
      report(
        row(`scale.${load}.iptables`, rules, `bridge, ${MANY} rules`, { of: 'ratio', bound: 'at least', limit: 1 }),
      );
    }
  },
};
