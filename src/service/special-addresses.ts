import { type Addr, isAddr, Prefix, parseAddr } from '../net/index.ts';

/** RFC 6890 and RFC 1112: nobody serves others from these, and whoever names one means a machine's inside. */
const SPECIAL: readonly (readonly [Prefix, string])[] = [
  [Prefix.parse('0.0.0.0/8'), 'an unspecified'],
  [Prefix.parse('127.0.0.0/8'), 'a loopback'],
  [Prefix.parse('169.254.0.0/16'), 'a link-local'],
  [Prefix.parse('224.0.0.0/4'), 'a multicast'],
  [Prefix.parse('255.255.255.255/32'), 'a broadcast'],
];

/** `a loopback` and the like: what makes an IPv4 address unfit for traffic of others; undefined: nothing. */
export function specialKind(addr: Addr): string | undefined {
  return SPECIAL.find(([prefix]) => prefix.contains(addr))?.[1];
}

/** Undefined for what is no IPv4 address; `text` may be anything that an object says. */
export function ipv4Of(text: string): Addr | undefined {
  if (!isAddr(text)) return undefined;
  const addr = parseAddr(text);
  return addr.includes(':') ? undefined : addr;
}
