import { type PolicyTables, policyTableNumber } from '../../datapath/index.ts';
import { RESERVED_IDS } from '../../identity/index.ts';
import { EMPTY_TABLE, groupText, type PolicyRow, type PolicyTable, type PolicyTableId } from '../../model/index.ts';
import { DEFAULT_ALLOW, type Floor, LOCALHOST_ALLOW } from '../../policy/index.ts';

const any = { protocol: 0, port: 0, portBits: 0 };
const OPEN: PolicyRow = { ...any, ...DEFAULT_ALLOW };
const NODE: PolicyRow = { ...any, ...LOCALHOST_ALLOW };

/**
 * Tables that are always in the kernel, under numbers of their own: isolation and its absence need no room, so that a
 * direction can be closed at once however full the maps are. The closed one is the number 0, without a row.
 */
export const FLOORS: Readonly<Record<Floor, { readonly id: PolicyTableId; readonly table: PolicyTable }>> = {
  closed: floor(0, EMPTY_TABLE),
  open: floor(1, { groups: [[OPEN]], peers: new Map(), selective: false }),
  node: floor(2, { groups: [[], [NODE]], peers: new Map([[RESERVED_IDS.host, 1]]), selective: true }),
};

function floor(serial: number, table: PolicyTable): { readonly id: PolicyTableId; readonly table: PolicyTable } {
  return { id: policyTableNumber(serial, table), table };
}

/** Serial numbers of all other tables are larger. */
export const LAST_FLOOR = 15;

/** `found`: what an earlier life left, which may be all that the maps have room for. */
export async function writeFloors(tables: PolicyTables, found: ReadonlyMap<PolicyTableId, PolicyTable>): Promise<void> {
  for (const { id, table } of Object.values(FLOORS)) {
    const known = found.get(id);
    if (id === 0 || (known !== undefined && same(known, table))) continue;
    if (known !== undefined) await tables.delete(id);
    await tables.write(id, table);
  }
}

function same(a: PolicyTable, b: PolicyTable): boolean {
  const text = ({ groups, peers }: PolicyTable): string => JSON.stringify([groups.map(groupText), [...peers]]);
  return text(a) === text(b);
}
