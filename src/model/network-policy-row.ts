import type { ObjectRow } from './object-row.ts';

export type NetworkPolicyRow = ObjectRow & {
  /** As the server sent it: how much of it can be read, and what follows from the rest, is for policy to say. */
  readonly spec: unknown;
  /** Members of the object that no version known here has. */
  readonly unknownFields: readonly string[];
};
