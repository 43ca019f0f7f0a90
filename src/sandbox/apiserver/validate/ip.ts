import { isIPv4 } from 'node:net';

const RANGES: readonly (readonly [RegExp, string])[] = [
  [/^0\.0\.0\.0$/, 'may not be unspecified (0.0.0.0 or ::)'],
  [/^127\./, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [/^169\.254\./, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  [/^224\.0\.0\./, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
];

/** Why an IPv4 address means a machine's inside or a link and cannot be somebody's (`ValidateNonSpecialIP`). */
export function specialIpFaults(ip: string): string[] {
  return isIPv4(ip) ? RANGES.flatMap(([range, fault]) => (range.test(ip) ? [fault] : [])) : [];
}
