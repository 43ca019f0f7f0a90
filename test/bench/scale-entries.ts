import type { Family } from './row.ts';
import { frame, Scene } from './scene.ts';
import { interleaved, pairedRatio, summary } from './stats.ts';

const ROUNDS = 21;
const REPEAT = 100_000;

/** The cost of an established packet must not depend on how large the policies of its pods are. */
export const scaleEntries: Family = {
  rows: ['scale.entries'],
  run: async (report) => {
    using none = new Scene();
    using some = new Scene();
    using many = new Scene();
    const data = frame({});
    for (const [scene, rows] of [
      [none, 0],
      [some, 1000],
      [many, 50_000],
    ] as const) {
      await scene.open(rows);
      scene.establish();
      scene.cost(data, 'redirect', REPEAT);
    }
    const results = await interleaved(ROUNDS, {
      none: () => none.cost(data, 'redirect', REPEAT),
      some: () => some.cost(data, 'redirect', REPEAT),
      many: () => many.cost(data, 'redirect', REPEAT),
    });
    for (const [name, measured] of [
      ['scale.entries.1000', results.some],
      ['scale.entries.50000', results.many],
    ] as const) {
      report({
        name,
        ...summary(measured),
        unit: 'ns',
        baseline: 'ns, no entries',
        baselineValue: summary(results.none).value,
        ratio: pairedRatio(measured, results.none),
        target: { of: 'ratio', bound: 'at most', limit: 1.05 },
      });
    }
  },
};
