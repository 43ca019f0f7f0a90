import { POLICY_TABLE_EVERYBODY, POLICY_TABLE_PEERS } from '../../model/gen/numbers.ts';
import { type PolicyTable, type PolicyTableId, policyTableId } from '../../model/index.ts';

/** Serial numbers of tables are below this. */
export const TABLE_SERIALS = POLICY_TABLE_PEERS;

type Shape = Pick<PolicyTable, 'groups' | 'selective'>;

const everybody = (groups: PolicyTable['groups']): boolean => (groups[0]?.length ?? 0) > 0;

/** The number under which a table goes into the kernel: it says what the table may have, see struct policy_pair. */
export function policyTableNumber(serial: number, { groups, selective }: Shape): PolicyTableId {
  if (serial >= TABLE_SERIALS) throw new RangeError(`there is no table ${serial}`);
  return policyTableId(
    serial + (everybody(groups) ? POLICY_TABLE_EVERYBODY : 0) + (selective ? POLICY_TABLE_PEERS : 0),
  );
}

export const serialOf = (id: PolicyTableId): number => id % TABLE_SERIALS;

export const isSelective = (id: PolicyTableId): boolean => (id & POLICY_TABLE_PEERS) !== 0;

/** Everything that such a table may ever have is looked for under this number. */
export function suits(id: PolicyTableId, { groups, selective }: Shape): boolean {
  return (!everybody(groups) || (id & POLICY_TABLE_EVERYBODY) !== 0) && (!selective || isSelective(id));
}
