import { readFileSync } from 'node:fs';
import { closeFd, kernelError, openSocket, readSocketOption } from '../kernel/index.ts';
import type { FilterChain } from './nft-chains.ts';

const SOCK_RAW = 3;
const IPPROTO_RAW = 255;
/** IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES; those of IPv6 have the same numbers. */
const GET_INFO = 64;
const GET_ENTRIES = 65;
/** struct ipt_getinfo, and where `size` is in it. */
const INFO = { size: 84, sizeAt: 80 } as const;
/** struct ipt_get_entries: name, size, then the entries, which are aligned to 8. */
const ENTRIES = { sizeAt: 32, at: 40 } as const;
/** struct xt_entry_target with the name of a user's chain behind it (struct xt_error_target). */
const TARGET = { nameAt: 2, errorAt: 32, errorLength: 30 } as const;
const TABLE_NAME_LENGTH = 32;
/** More than 100,000 rules: nobody's table, and not worth the memory. */
const MAX_BYTES = 64 * 1024 * 1024;

type Family = {
  readonly name: 'ip' | 'ip6';
  readonly domain: number;
  readonly level: number;
  readonly tables: string;
  /** Offset of `target_offset` in struct ipt_entry / ip6t_entry; `next_offset` follows it. */
  readonly targetOffsetAt: number;
};

const FAMILIES: readonly Family[] = [
  { name: 'ip', domain: 2, level: 0, tables: 'ip_tables_names', targetOffsetAt: 88 },
  { name: 'ip6', domain: 10, level: 41, tables: 'ip6_tables_names', targetOffsetAt: 140 },
];

/**
 * The chains that users made in the legacy iptables of this network namespace. Only tables that exist are asked for: to
 * ask for another would make it. Throws E_DATAPATH_SYSCALL.
 */
export function listXtablesChains(): FilterChain[] {
  return FAMILIES.flatMap((family) =>
    tablesOf(family).flatMap((table) =>
      chainsOf(family, table).map((chain) => ({ engine: 'legacy', family: family.name, table, chain }) as const),
    ),
  );
}

function tablesOf({ tables }: Family): string[] {
  try {
    return readFileSync(`/proc/thread-self/net/${tables}`, 'ascii').split('\n').filter(Boolean);
  } catch {
    // A kernel without it.
    return [];
  }
}

function chainsOf(family: Family, table: string): string[] {
  let fd: number | undefined;
  try {
    fd = openSocket(family.domain, SOCK_RAW, IPPROTO_RAW);
    const info = named(INFO.size, table);
    readSocketOption(fd, family.level, GET_INFO, info);
    const size = new DataView(info.buffer).getUint32(INFO.sizeAt, true);
    if (size > MAX_BYTES) throw new RangeError(`table ${table} has ${size} bytes`);
    const entries = named(ENTRIES.at + size, table);
    new DataView(entries.buffer).setUint32(ENTRIES.sizeAt, size, true);
    readSocketOption(fd, family.level, GET_ENTRIES, entries);
    return userChains(entries.subarray(ENTRIES.at), family.targetOffsetAt);
  } catch (error) {
    throw kernelError('E_DATAPATH_SYSCALL', `read the ${family.name} table ${table} of iptables`, error);
  } finally {
    if (fd !== undefined) closeFd(fd);
  }
}

function named(size: number, table: string): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(size));
  bytes.set(Buffer.from(table).subarray(0, TABLE_NAME_LENGTH - 1));
  return bytes;
}

/** A user's chain begins with an entry whose target is `ERROR` and carries the name; the last one ends the table. */
function userChains(entries: Uint8Array, targetOffsetAt: number): string[] {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const found: string[] = [];
  for (let at = 0; at + targetOffsetAt + 4 <= entries.length; ) {
    const target = at + view.getUint16(at + targetOffsetAt, true);
    const next = view.getUint16(at + targetOffsetAt + 2, true);
    if (next === 0) break;
    if (textAt(entries, target + TARGET.nameAt, TARGET.errorLength - 1) === 'ERROR') {
      found.push(textAt(entries, target + TARGET.errorAt, TARGET.errorLength));
    }
    at += next;
  }
  return found.filter((name) => name !== 'ERROR');
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length))
    .toString()
    .replace(/\0.*$/s, '');
}
