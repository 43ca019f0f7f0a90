import type { z } from 'zod';
import type { Json } from '../../base/index.ts';
import type { FieldError, PolicyEntry, PolicyObject } from '../../model/index.ts';

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
  /** What it would say were it enforced; only of a staged policy, whose `entries` are none. */
  readonly staged?: readonly PolicyEntry[];
  /** It is no policy, but says what the floor does: `entries` are none. */
  readonly isMirror?: true;
};

/** All that the rest of the product knows of one kind of policy. */
export type PolicyKind = {
  readonly names: KindNames;
  /** From an object as the server sends it to what is kept of it. Refuses an object without a name, and nothing else. */
  readonly schema: z.ZodType<PolicyObject>;
  /**
   * What the Kubernetes API server refuses in an object, in its words: whatever passes may be stored, and then must be
   * translated. Apart from that on purpose: what is stored may be older or newer than what is accepted today.
   */
  readonly validate: (object: Json) => FieldError[];
  /** What it accepts, but hardly anybody means. */
  readonly warnings: (object: Json) => string[];
  /**
   * What the policy says, and where it cannot be read less than it might say: nobody is admitted by what is not
   * understood, and whoever may be isolated is. Never throws: the API has accepted the object, and whatever it is, its
   * pods must not be left open.
   */
  readonly translate: (policy: PolicyObject) => Reading;
};
