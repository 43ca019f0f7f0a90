import ipaddr from 'ipaddr.js';
import { netErrors } from './errors.ts';

declare const addrBrand: unique symbol;

/** An IPv4 or IPv6 address in canonical text (RFC 5952 for IPv6). Equal addresses are equal strings. */
export type Addr = string & { readonly [addrBrand]: true };

export type Family = 4 | 6;

/**
 * Parses dotted-quad or IPv6 text. Leading zeros, zones and shorthand IPv4 are refused (E_NET_ADDR). A v4-mapped IPv6
 * address is the IPv4 address, as in the datapath: of whom it is must not depend on how it was written.
 */
export function parseAddr(text: string): Addr {
  // The library throws and catches an error to find that IPv6 is no IPv4, which costs more than all the rest.
  if (!text.includes(':') && ipaddr.IPv4.isValidFourPartDecimal(text)) {
    if (/(^|\.)0\d/.test(text)) throw netErrors.make('E_NET_ADDR', { detail: `"${text}" has leading zeros` });
    return text as Addr;
  }
  const groups = text.includes(':') && !text.includes('%') ? withoutDots(text) : '';
  if (ipaddr.IPv6.isValid(groups)) return addrFromBytes(Uint8Array.from(ipaddr.IPv6.parse(groups).toByteArray()));
  throw netErrors.make('E_NET_ADDR', { detail: JSON.stringify(text) });
}

/** The last 32 bits in IPv6's own notation. The library takes the deprecated ::192.0.2.1 for ::ffff:192.0.2.1. */
function withoutDots(text: string): string {
  const dotted = text.slice(text.lastIndexOf(':') + 1);
  if (!dotted.includes('.')) return text;
  const [a = 0, b = 0, c = 0, d = 0] = addrBytes(parseAddr(dotted));
  return `${text.slice(0, -dotted.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

export function isAddr(text: string): boolean {
  try {
    parseAddr(text);
    return true;
  } catch {
    return false;
  }
}

export function addrFamily(addr: Addr): Family {
  return addr.includes(':') ? 6 : 4;
}

/**
 * Of IPv4 as a number, of what is canonical already. Lists of a hundred thousand addresses pass through here: the library
 * checks the text by regular expressions once more, which costs thirty times as much.
 */
function ipv4Number(addr: string): number {
  let value = 0;
  let part = 0;
  for (let i = 0; i < addr.length; i += 1) {
    const code = addr.charCodeAt(i);
    if (code === DOT) {
      value = value * 256 + part;
      part = 0;
    } else part = part * 10 + (code - ZERO);
  }
  return value * 256 + part;
}

const DOT = 46;
const ZERO = 48;

function ipv4Text(value: number): Addr {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Addr;
}

/** Network byte order, 4 or 16 bytes. */
export function addrBytes(addr: Addr): Uint8Array {
  if (addrFamily(addr) === 4) {
    const value = ipv4Number(addr);
    return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
  }
  return ipv6Bytes(addr);
}

/** Of what is canonical already, as `ipv4Number`. */
function ipv6Bytes(addr: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const [head = '', tail = ''] = addr.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const put = (group: string, place: number): void => {
    const value = Number.parseInt(group, 16);
    bytes[2 * place] = value >> 8;
    bytes[2 * place + 1] = value & 255;
  };
  for (const [i, group] of before.entries()) put(group, i);
  for (const [i, group] of after.entries()) put(group, 8 - after.length + i);
  return bytes;
}

/** Of eight groups (RFC 5952, 4): the longest run of zeros is `::`, of equal ones the first, and never one group alone. */
function ipv6Text(groups: readonly number[]): Addr {
  let [from, length] = [-1, 1];
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (groups[end] === 0) end += 1;
    if (end - start > length) [from, length] = [start, end - start];
    start = end;
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (from < 0) return text(groups) as Addr;
  return `${text(groups.slice(0, from))}::${text(groups.slice(from + length))}` as Addr;
}

/** 16 bytes as the datapath keeps them: IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
export function addrBytes16(addr: Addr): Uint8Array {
  const bytes = addrBytes(addr);
  if (bytes.length === 16) return bytes;
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(bytes, 12);
  return mapped;
}

/** From 4 or 16 bytes in network order; a v4-mapped IPv6 address becomes IPv4. */
export function addrFromBytes(bytes: Uint8Array): Addr {
  if (bytes.length === 4) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes;
    return ipv4Text(((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
  }
  if (bytes.length !== 16) throw new TypeError(`an address of ${bytes.length} bytes`);
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const [a = 0, b = 0] = groups.slice(6);
  if (groups[5] === 0xffff && groups.every((group, i) => i >= 5 || group === 0)) return ipv4Text(((a << 16) | b) >>> 0);
  return ipv6Text(groups);
}

/** The address as an unsigned integer of 32 or 128 bits. */
export function addrValue(addr: Addr): bigint {
  if (addrFamily(addr) === 4) return BigInt(ipv4Number(addr));
  return addrBytes(addr).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** 128-bit values of v4-mapped addresses become IPv4. */
export function addrFromValue(family: Family, value: bigint): Addr {
  if (family === 4) return ipv4Text(Number(value));
  const bytes = new Uint8Array(16);
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return addrFromBytes(bytes);
}
