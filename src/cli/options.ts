/** Options that every command takes. */
export type GlobalOptions = {
  readonly output?: 'table' | 'json';
  readonly socket?: string;
  readonly node?: string;
  /** commander's form of --no-color. */
  readonly color?: boolean;
};
