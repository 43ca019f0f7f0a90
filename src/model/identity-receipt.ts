import type { ObjectRow } from './object-row.ts';

/** What a node, whose name it has, has heard of the numbers that are to be deleted. */
export type IdentityReceipt = ObjectRow & {
  /**
   * A resource version of identities: those that are marked up to it, and still are, mean nobody on the node. 0: it has heard
   * of none.
   */
  readonly heard: number;
};
