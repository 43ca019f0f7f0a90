import { isIP, isIPv4 } from 'node:net';

/** An IPv4 or IPv6 prefix as numbers. `canonical` is false when bits beyond the prefix length are set. */
export type ParsedCidr = {
  readonly bits: 32 | 128;
  readonly address: bigint;
  readonly length: number;
  readonly canonical: boolean;
};

function addressOf(text: string): bigint {
  if (isIPv4(text)) return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  let expanded = text;
  const v4 = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (v4 !== null) {
    const low = addressOf(v4[2] ?? '');
    expanded = `${v4[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
  }
  const [head = '', tail] = expanded.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** `undefined` for anything but `address/length`; zone indices are not addresses here. */
export function parseCidr(text: string): ParsedCidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0 || text.length > 64 || text.includes('%')) return undefined;
  const ip = text.slice(0, slash);
  const prefix = text.slice(slash + 1);
  const family = isIP(ip);
  if (family === 0 || !/^\d{1,3}$/.test(prefix)) return undefined;
  const bits = family === 4 ? 32 : 128;
  const length = Number(prefix);
  if (length > bits || String(length) !== prefix) return undefined;
  const address = addressOf(ip);
  const hostBits = BigInt(bits - length);
  return { bits, address, length, canonical: (address >> hostBits) << hostBits === address };
}
