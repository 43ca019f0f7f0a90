import type { ObjectRow } from './object-row.ts';

/** A policy of any kind, as far as its kind keeps the object. */
export type PolicyObject = ObjectRow & {
  readonly kind: string;
  /** As the server sent it: how much of it can be read, and what follows from the rest, is for its kind to say. */
  readonly spec: unknown;
  /** Members of the object that no version known here has. */
  readonly unknownFields: readonly string[];
};
