import type { ObjectRow } from './object-row.ts';

/**
 * Whoever may write a policy may have it looked at before it is enforced. With any other value than "true" it is not known
 * what its writer wants.
 */
export const STAGE_ANNOTATION = 'membrane.io/stage';

/**
 * On a NetworkPolicy that says what the floor does, for who reads only those. It is nobody's policy: the operator writes it, and
 * nothing enforces it.
 */
export const MIRROR_LABEL = 'membrane.io/mirror';

/** A policy of any kind, as far as its kind keeps the object. */
export type PolicyObject = ObjectRow & {
  readonly kind: string;
  /** As the server sent it: how much of it can be read, and what follows from the rest, is for its kind to say. */
  readonly spec: unknown;
  /** Members of the object that no version known here has. */
  readonly unknownFields: readonly string[];
  /** What its annotation `membrane.io/stage` says; absent: it has none, and is enforced. */
  readonly stage?: string;
  /** What its label `membrane.io/mirror` says; absent: it has none, and is a policy. */
  readonly mirror?: string;
};
