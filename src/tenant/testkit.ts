import { namespacedName } from '../base/index.ts';
import { TENANT_FLAG } from '../model/gen/enums.ts';
import { TENANT_FLAG_BITS } from '../model/gen/numbers.ts';
import { NO_LIMITS, type ReservedName, type TenantRow } from '../model/index.ts';
import { type Addr, isMetadata } from '../net/index.ts';
import type { FloorRow } from './floor.ts';

export const SYSTEM_SERVICES = { dns: namespacedName({ namespace: 'kube-system', name: 'kube-dns' }) };

/** A Tenant that claims nothing, as its object's defaults have it, with what differs. */
export function tenantRow(name: string, more: Partial<TenantRow> = {}): TenantRow {
  return {
    uid: `uid-${name}`,
    namespace: '',
    name,
    generation: 1,
    claims: { names: [], prefix: undefined },
    boundary: { world: 'Closed', nodes: 'ProbesOnly' },
    world: { cidrs: [], metadata: 'Never' },
    exports: [],
    imports: [],
    systemServices: ['dns'],
    limits: NO_LIMITS,
    peers: 'Hidden',
    mode: 'Enforce',
    closed: undefined,
    isLeaving: false,
    ...more,
  };
}

/** An end of a connection, as the datapath knows it: a pod by its row, others by what they are. */
export type KernelEnd = { readonly row: FloorRow } | { readonly reserved: ReservedName; readonly addr?: Addr };

/** Is there a row of `tenant_world` of the tenant with this number that covers the address? */
export type IsListed = (tenant: bigint, addr: Addr) => boolean;

const isNode = (name: ReservedName): boolean => name === 'remote-node' || name === 'kube-apiserver';

/**
 * bpf/lib/tenant.h for tests that have no kernel; the program itself is held to the same cases. `isShared`: is there a row of
 * `tenant_shares` that is not over?
 */
export function judgeRows(
  opener: KernelEnd,
  responder: KernelEnd,
  isShared: () => boolean = () => false,
  isListed: IsListed = () => false,
): string | undefined {
  const reason = judgeUnshared(opener, responder, isListed);
  return reason === undefined || !SHARED_PAST.includes(reason) || !isShared() ? reason : undefined;
}

const SHARED_PAST = ['tenant-boundary', 'tenant-world', 'tenant-nodes'];

function judgeUnshared(opener: KernelEnd, responder: KernelEnd, isListed: IsListed): string | undefined {
  const has = (row: FloorRow, flag: number): boolean => (row & BigInt(flag)) !== 0n;
  const number = (row: FloorRow): bigint => row >> BigInt(TENANT_FLAG_BITS);
  if ('row' in opener && 'row' in responder) {
    if (!has(opener.row, TENANT_FLAG.known) || !has(responder.row, TENANT_FLAG.known)) return 'tenant-unknown';
    if (has(opener.row | responder.row, TENANT_FLAG.closed)) return 'tenant-closed';
    return number(opener.row) === number(responder.row) ? undefined : 'tenant-boundary';
  }
  const pod = 'row' in opener ? opener : 'row' in responder ? responder : undefined;
  if (pod === undefined) return undefined;
  if (!has(pod.row, TENANT_FLAG.known)) return 'tenant-unknown';
  const opens = pod === opener;
  const other = 'reserved' in opener ? opener.reserved : 'reserved' in responder ? responder.reserved : 'unknown';
  if (other === 'host' && !opens) return undefined;
  if (has(pod.row, TENANT_FLAG.closed)) return 'tenant-closed';
  const end = opens ? responder : opener;
  const addr = 'reserved' in end ? end.addr : undefined;
  if (has(pod.row, TENANT_FLAG['no-metadata']) && addr !== undefined && isMetadata(addr)) return 'tenant-metadata';
  if (other === 'host' || isNode(other)) {
    return has(pod.row, opens ? TENANT_FLAG['no-to-nodes'] : TENANT_FLAG['no-from-nodes']) ? 'tenant-nodes' : undefined;
  }
  const listed = has(pod.row, TENANT_FLAG.listed) && addr !== undefined && isListed(number(pod.row), addr);
  return has(pod.row, TENANT_FLAG['no-world']) && !listed ? 'tenant-world' : undefined;
}
