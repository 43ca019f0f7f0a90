import { type Config, ZERO_CONFIG } from '../../src/datapath/gen/config.ts';
import { FULL } from './lab.ts';

/** The switches among the fields of `struct config`. */
export type Flag = { [K in keyof Config]-?: Config[K] extends boolean ? K : never }[keyof Config];

export const FLAGS = (Object.keys(ZERO_CONFIG) as (keyof Config)[]).filter(
  (key): key is Flag => typeof ZERO_CONFIG[key] === 'boolean',
);

export type Profile = { readonly name: string; readonly flags: Readonly<Record<Flag, boolean>> };

function flags(of: (flag: Flag) => boolean): Profile['flags'] {
  return Object.fromEntries(FLAGS.map((flag) => [flag, of(flag)])) as Record<Flag, boolean>;
}

/** Every combination that is tested: the one agents use, nothing, everything, and each switch alone, both ways. */
export const PROFILES: readonly Profile[] = [
  { name: 'default', flags: flags((flag) => FULL[flag]) },
  { name: 'minimal', flags: flags(() => false) },
  { name: 'policy only', flags: flags((flag) => flag === 'enablePolicy') },
  { name: 'full', flags: flags(() => true) },
  ...FLAGS.map((off): Profile => ({ name: `all but ${off}`, flags: flags((flag) => flag !== off) })),
  ...FLAGS.map((on): Profile => ({ name: `only ${on}`, flags: flags((flag) => flag === on) })),
];
