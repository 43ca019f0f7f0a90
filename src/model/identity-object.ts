import type { IdentityId } from './ids.ts';
import type { ObjectRow } from './object-row.ts';
import type { Workload } from './workload.ts';

/** A number that the cluster has given out: its object's name. */
export type IdentityObject = ObjectRow & {
  readonly id: IdentityId;
  /** Whom it stands for; undefined: it cannot be read, so nobody here. */
  readonly workload: Workload | undefined;
  /** The node that has it alone and may delete it at any time, until somebody takes that back; empty: none. */
  readonly heldBy: string;
  /** To be deleted unless somebody takes that back. */
  readonly retiring: boolean;
  readonly resourceVersion: string;
};
