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
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
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
  if (bytes.length === 4) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes;
    return ipv4Text(((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
  }
  const parsed = ipaddr.fromByteArray([...bytes]);
  if (parsed instanceof ipaddr.IPv6) {
    return (parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String()) as Addr;
  }
  return parsed.toString() as Addr;
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
