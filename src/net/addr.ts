import ipaddr from 'ipaddr.js';
import { netErrors } from './errors.ts';

declare const addrBrand: unique symbol;

/** An IPv4 or IPv6 address in canonical text (RFC 5952 for IPv6). Equal addresses are equal strings. */
export type Addr = string & { readonly [addrBrand]: true };

export type Family = 4 | 6;

/** Parses dotted-quad or IPv6 text. Leading zeros, zones and shorthand IPv4 are refused (E_NET_ADDR). */
export function parseAddr(text: string): Addr {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    if (/(^|\.)0\d/.test(text)) throw netErrors.make('E_NET_ADDR', { detail: `"${text}" has leading zeros` });
    return text as Addr;
  }
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)) {
    return ipaddr.IPv6.parse(text).toRFC5952String() as Addr;
  }
  throw netErrors.make('E_NET_ADDR', { detail: JSON.stringify(text) });
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

/** Network byte order, 4 or 16 bytes. */
export function addrBytes(addr: Addr): Uint8Array {
  return Uint8Array.from(ipaddr.parse(addr).toByteArray());
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
  const parsed = ipaddr.fromByteArray([...bytes]);
  if (parsed instanceof ipaddr.IPv6) {
    return (parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String()) as Addr;
  }
  return parsed.toString() as Addr;
}

/** The address as an unsigned integer of 32 or 128 bits. */
export function addrValue(addr: Addr): bigint {
  return addrBytes(addr).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

export function addrFromValue(family: Family, value: bigint): Addr {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  const parsed = ipaddr.fromByteArray([...bytes]);
  return (parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString()) as Addr;
}
