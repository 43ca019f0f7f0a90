import { DROP_REASON_TEXTS, type DropReason } from '../../model/index.ts';
import { DropReason as Known } from './gen/flow/flow_pb.js';

/** Does not compile while a reason's name is none that Hubble's clients know. */
const NEAREST: Readonly<Record<DropReason, { readonly hubble: keyof typeof Known }>> = DROP_REASON_TEXTS;

/** Of a flow; 0 for one that was not dropped. What a rule denies is told from what none allows. */
export function dropNumber(reason: string | undefined, isDeniedByRule: boolean): Known {
  if (reason === undefined) return Known.DROP_REASON_UNKNOWN;
  const number = Object.hasOwn(NEAREST, reason)
    ? Known[NEAREST[reason as DropReason].hubble]
    : Known.DROP_REASON_UNKNOWN;
  return isDeniedByRule && number === Known.POLICY_DENIED ? Known.POLICY_DENY : number;
}
