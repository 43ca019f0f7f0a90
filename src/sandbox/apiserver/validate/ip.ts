import { isAddr, Prefix, parseAddr } from '../../../net/index.ts';

const RANGES: readonly (readonly [readonly Prefix[], string])[] = [
  [prefixes('0.0.0.0/32', '::/128'), 'may not be unspecified (0.0.0.0 or ::)'],
  [prefixes('127.0.0.0/8', '::1/128'), 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [prefixes('169.254.0.0/16', 'fe80::/10'), 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  // The message says /10 and the server means the link's scope (RFC 4291, 2.7).
  [prefixes('224.0.0.0/24', 'ff02::/16'), 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
];

function prefixes(...texts: readonly string[]): Prefix[] {
  return texts.map((text) => Prefix.parse(text));
}

/** Why an address means a machine's inside or a link and cannot be somebody's (`ValidateNonSpecialIP`). */
export function specialIpFaults(text: string): string[] {
  if (!isAddr(text)) return [];
  const ip = parseAddr(text);
  return RANGES.flatMap(([ranges, fault]) => (ranges.some((range) => range.contains(ip)) ? [fault] : []));
}
