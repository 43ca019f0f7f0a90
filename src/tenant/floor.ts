import { TENANT_FLAG } from '../model/gen/enums.ts';
import { TENANT_FLAG_BITS } from '../model/gen/numbers.ts';
import type { TenantRow } from '../model/index.ts';
import type { Belonging } from './membership.ts';
import { SYSTEM_TENANT, tenantNumber, UNASSIGNED_NUMBER } from './number.ts';

/** Of an identity in the kernel: struct tenant rows of bpf/lib/types.h. 0: nobody has said whose it is. */
export type FloorRow = bigint;

export const NOT_SAID: FloorRow = 0n;

const rowOf = (number: bigint, flags: number): FloorRow =>
  (number << BigInt(TENANT_FLAG_BITS)) | BigInt(flags | TENANT_FLAG.known);

/** Whether two rows say the same of who may open to whom. */
export function isSameSide(a: FloorRow, b: FloorRow): boolean {
  return ((a ^ b) & ~BigInt(TENANT_FLAG.limited)) === 0n;
}

/** Of namespaces that no tenant has while that is not forbidden. */
export const UNASSIGNED_ROW = rowOf(UNASSIGNED_NUMBER, 0);
const CLOSED_ROW = rowOf(UNASSIGNED_NUMBER, TENANT_FLAG.closed);

/**
 * What the datapath is to know of a namespace's pods. The cluster's own namespaces and those of nobody are together while no
 * Tenant is about them: the first Tenant changes nothing for who is in none. Where nobody may be in none, they are apart.
 */
export function floorRow(belonging: Belonging, unassigned: 'Open' | 'Closed'): FloorRow {
  switch (belonging.state) {
    case 'closed':
      return CLOSED_ROW;
    case 'unassigned':
      return UNASSIGNED_ROW;
    case 'system':
      return unassigned === 'Open' ? UNASSIGNED_ROW : rowOf(tenantNumber(SYSTEM_TENANT), 0);
    case 'tenant':
      return rowOf(
        tenantNumber(belonging.tenant.name),
        boundaryFlags(belonging.tenant) | (hasAccount(belonging.tenant) ? TENANT_FLAG.limited : 0),
      );
  }
}

/** Whether the datapath counts what it has. */
export function hasAccount({ limits }: Pick<TenantRow, 'limits'>): boolean {
  const { connections, newConnectionsPerSecond, natPorts, flowEventsPerSecond } = limits;
  return [connections, newConnectionsPerSecond, natPorts, flowEventsPerSecond].some((limit) => limit !== undefined);
}

function boundaryFlags({ boundary: { world, nodes }, world: { metadata } }: TenantRow): number {
  const noWorld = world !== 'Open';
  const noNodes = nodes === 'ProbesOnly';
  // What another node has taken in for the world comes from that node: where all the world may, it may.
  return (
    (noWorld ? TENANT_FLAG['no-world'] : 0) |
    (world === 'Listed' ? TENANT_FLAG.listed : 0) |
    (metadata === 'Never' ? TENANT_FLAG['no-metadata'] : 0) |
    (noNodes ? TENANT_FLAG['no-to-nodes'] : 0) |
    (noNodes && noWorld ? TENANT_FLAG['no-from-nodes'] : 0)
  );
}
