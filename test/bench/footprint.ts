import { type Config, ZERO_CONFIG } from '../../src/datapath/gen/config.ts';
import { progInfo } from '../../src/datapath/kernel/syscall.ts';
import { JUDGE_PROGRAMS } from '../../src/datapath/programs/judges.ts';
import type { Family, Target } from './row.ts';
import { DEFAULTS, Scene } from './scene.ts';

type Flag = { [K in keyof Config]-?: Config[K] extends boolean ? K : never }[keyof Config];
const FLAGS = (Object.keys(ZERO_CONFIG) as (keyof Config)[]).filter(
  (key): key is Flag => typeof ZERO_CONFIG[key] === 'boolean',
);

type Sizes = { readonly hot: number; readonly all: number };

/**
 * Translated instructions. Hot: the program at the pod's device, which is all that an established packet meets. All:
 * with the programs that every endpoint shares and the one at the node's devices.
 */
function sizes(config: Partial<Config>): Sizes {
  using scene = new Scene(config);
  const { datapath, client } = scene;
  const judges = datapath.load('judge', JUDGE_PROGRAMS, { ...DEFAULTS, ...config });
  const { from_netdev } = datapath.load('host', ['from_netdev'] as const, { ...DEFAULTS, ...config });
  const hot = progInfo(client.fromPod).xlatedInstructions;
  const cold = [client.toPod, ...Object.values(judges), from_netdev];
  return { hot, all: cold.reduce((sum, program) => sum + progInfo(program).xlatedInstructions, hot) };
}

const switched = (of: (flag: Flag) => boolean): Partial<Config> =>
  Object.fromEntries(FLAGS.map((flag) => [flag, of(flag)]));

/** Real Cilium 1.13 has 3,222 instructions on its smallest hot path. */
export const footprint: Family = {
  rows: ['footprint.min', 'footprint.full', 'footprint.feature.'],
  run: async (report) => {
    const off = { tunnelPort: 0, ctQuota: 0, eventRate: 0 };
    const minimal = sizes({ ...switched(() => false), ...off });
    const full = sizes(switched(() => true));
    const row = (name: string, { hot, all }: Sizes, target?: Target): void =>
      report({
        name,
        value: hot,
        unit: 'instructions',
        n: 1,
        min: hot,
        max: hot,
        note: `${all.toLocaleString('en-US')} with the shared programs`,
        ...(target === undefined ? {} : { target }),
      });
    row('footprint.min', minimal, { of: 'value', bound: 'at most', limit: 1200 });
    row('footprint.full', full);
    for (const flag of FLAGS) {
      const without = sizes(switched((other) => other !== flag));
      row(`footprint.feature.${flag.replace('enable', '')}`, {
        hot: full.hot - without.hot,
        all: full.all - without.all,
      });
    }
  },
};
