import type { NamespacedName } from '../base/index.ts';
import type { PodIdentity } from '../model/index.ts';

/**
 * Who a pod is. A pod without a number is closed: `pending` until the one who gives numbers has answered (`isFailing`: he does
 * not, for the reason that is given), `refused` when the answer was no, which may change. No row: the pod is not known, or has
 * no packets of its own.
 */
export type IdentityRow = { readonly pod: NamespacedName } & (
  | { readonly state: 'pending'; readonly why: string; readonly isFailing: boolean }
  | { readonly state: 'assigned'; readonly identity: PodIdentity }
  | { readonly state: 'refused'; readonly why: string }
);

export type WaitingRow = Exclude<IdentityRow, { readonly state: 'assigned' }>;
