import { SWITCHES, type Switch } from '../../src/datapath/programs/switches.ts';
import { FULL } from './lab.ts';

export type Profile = { readonly name: string; readonly flags: Readonly<Record<Switch, boolean>> };

function flags(of: (flag: Switch) => boolean): Profile['flags'] {
  return Object.fromEntries(SWITCHES.map((flag) => [flag, of(flag)])) as Record<Switch, boolean>;
}

/** Every combination that is tested: the one agents use, nothing, everything, and each switch alone, both ways. */
export const PROFILES: readonly Profile[] = [
  { name: 'default', flags: flags((flag) => FULL[flag]) },
  { name: 'minimal', flags: flags(() => false) },
  { name: 'policy only', flags: flags((flag) => flag === 'enablePolicy') },
  { name: 'full', flags: flags(() => true) },
  ...SWITCHES.map((off): Profile => ({ name: `all but ${off}`, flags: flags((flag) => flag !== off) })),
  ...SWITCHES.map((on): Profile => ({ name: `only ${on}`, flags: flags((flag) => flag === on) })),
];
