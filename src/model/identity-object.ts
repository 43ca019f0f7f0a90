import type { IdentityId } from './ids.ts';
import type { ObjectRow } from './object-row.ts';
import type { Workload } from './workload.ts';

/** A number that the cluster has given out: its object's name. */
export type IdentityObject = ObjectRow & {
  readonly id: IdentityId;
  /** Whom it stands for; undefined: it cannot be read, so nobody here. */
  readonly workload: Workload | undefined;
  /** To be deleted unless somebody takes that back. */
  readonly retiring: boolean;
  readonly resourceVersion: string;
};
