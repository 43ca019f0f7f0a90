import { type Config, ZERO_CONFIG } from '../gen/config.ts';

/** The switches among the load-time constants: what is off leaves no instruction. */
export type Switch = { [K in keyof Config]-?: Config[K] extends boolean ? K : never }[keyof Config];

export const SWITCHES: readonly Switch[] = (Object.keys(ZERO_CONFIG) as (keyof Config)[]).filter(
  (name): name is Switch => typeof ZERO_CONFIG[name] === 'boolean',
);
