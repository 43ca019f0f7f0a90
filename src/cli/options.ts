import type { OutputOptions } from './output/index.ts';

/** Options that every command takes. */
export type GlobalOptions = OutputOptions & {
  readonly socket?: string;
  readonly node?: string;
};
