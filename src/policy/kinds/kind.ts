import type { z } from 'zod';
import type { PolicyEntry, PolicyObject } from '../../model/index.ts';

/** How the Kubernetes API calls a kind. */
export type KindNames = {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
};

/** What a policy says. */
export type Reading = {
  readonly entries: readonly PolicyEntry[];
  /** For each field that cannot be read where it is, what it is and what follows from it; the first ones. */
  readonly problems: readonly string[];
};

/** All that the rest of the product knows of one kind of policy. */
export type PolicyKind = {
  readonly names: KindNames;
  /** From an object as the server sends it to what is kept of it. Refuses an object without a name, and nothing else. */
  readonly schema: z.ZodType<PolicyObject>;
  /**
   * What the policy says, and where it cannot be read less than it might say: nobody is admitted by what is not
   * understood, and whoever may be isolated is. Never throws: the API has accepted the object, and whatever it is, its
   * pods must not be left open.
   */
  readonly translate: (policy: PolicyObject) => Reading;
};
