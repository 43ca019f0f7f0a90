import type { Family } from './addr.ts';
import { Prefix } from './prefix.ts';

/** A prefix as some cluster has stored it. */
export type SloppyCidr = {
  /** What it means: IPv4 in IPv6 clothes is IPv4, host bits are cleared. */
  readonly prefix: Prefix;
  /** The length as it was written: of 128 bits when the address was written with colons. */
  readonly length: number;
  /** Bits beyond the length are set. */
  readonly hostBits: boolean;
};

type Address = { readonly family: Family; readonly value: bigint };

/** More digits than any number here has mean an error to Go, not a large number. */
const BIG = 0xff_ffff;

/**
 * `address/length` as Kubernetes reads it in fields that are older than Go's strict parser (ParseCIDRSloppy of
 * k8s.io/utils/net): leading zeros are decimal, in addresses and in the length. undefined where it reads nothing.
 */
export function parseSloppyCidr(text: string): SloppyCidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseIpv4(text.slice(0, slash)) ?? parseIpv6(text.slice(0, slash));
  const length = decimal(text.slice(slash + 1));
  if (address === undefined || length === undefined) return undefined;
  const { family, value } = address;
  const bits = family === 4 ? 32 : 128;
  if (length > bits) return undefined;
  const host = (1n << BigInt(bits - length)) - 1n;
  return { prefix: Prefix.ofValue(family, value, length), length, hostBits: (value & host) !== 0n };
}

function decimal(text: string): number | undefined {
  return /^\d+$/.test(text) ? bounded(Number(text)) : undefined;
}

function hexadecimal(text: string): number | undefined {
  return /^[0-9a-f]+$/i.test(text) ? bounded(Number.parseInt(text, 16)) : undefined;
}

function bounded(value: number): number | undefined {
  return value < BIG ? value : undefined;
}

function parseIpv4(text: string): Address | undefined {
  const octets = text.split('.').map(decimal);
  if (octets.length !== 4) return undefined;
  let value = 0n;
  for (const octet of octets) {
    if (octet === undefined || octet > 0xff) return undefined;
    value = (value << 8n) | BigInt(octet);
  }
  return { family: 4, value };
}

function parseIpv6(text: string): Address | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  // An ellipsis stands for at least one group.
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])];
  return { family: 6, value: groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n) };
}

/** Groups of 16 bits; the last ones may be written as IPv4. */
function groupsOf(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const dotted = isLast && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (dotted === undefined) return undefined;
      groups.push(Number(dotted.value >> 16n), Number(dotted.value & 0xffffn));
      continue;
    }
    const group = hexadecimal(part);
    if (group === undefined || group > 0xffff) return undefined;
    groups.push(group);
  }
  return groups;
}
