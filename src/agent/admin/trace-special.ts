import type { DropReason } from '../../model/index.ts';
import { type Addr, addrFamily, Prefix } from '../../net/index.ts';

const OWN = ['127.0.0.0/8', '0.0.0.0/32', '::1/128', '::/128'].map((text) => Prefix.parse(text));
const MANY = ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8'].map((text) => Prefix.parse(text));

/** Whoever asks there asks himself (RFC 1122, 3.2.1.3): it never leaves his network namespace. */
export function isOwnLoopback(addr: Addr | undefined): boolean {
  return addr !== undefined && OWN.some((prefix) => prefix.contains(addr));
}

/** Why nothing comes from or gets to such an address, whatever policies and services say. */
export function dropOfAddress(addr: Addr | undefined): DropReason | undefined {
  if (addr === undefined || isOwnLoopback(addr)) return undefined;
  if (addrFamily(addr) === 6) return 'ipv6-disabled';
  return MANY.some((prefix) => prefix.contains(addr)) ? 'multicast' : undefined;
}
