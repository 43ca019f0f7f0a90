/** What X.509 needs of DER (X.690): tag, length, value. */
export type Der = Buffer;

function tagged(tag: number, ...parts: readonly Uint8Array[]): Der {
  const value = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(value.length), value]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([0x80 | digits.length]), digits]);
}

export const sequence = (...parts: readonly Der[]): Der => tagged(0x30, ...parts);
export const set = (...parts: readonly Der[]): Der => tagged(0x31, ...parts);
export const octets = (value: Uint8Array): Der => tagged(0x04, value);
export const text = (value: string): Der => tagged(0x0c, Buffer.from(value, 'utf8'));
export const truth = (): Der => tagged(0x01, Buffer.from([0xff]));
/** Without a sign: a first bit that is set gets a zero in front. */
export const unsigned = (value: Uint8Array): Der =>
  tagged(0x02, (value[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0), value);
/** `unused`: bits at the end that are none. */
export const bits = (value: Uint8Array, unused = 0): Der => tagged(0x03, Buffer.from([unused]), value);
/** `[n]` around a whole value, or in the place of its own tag. */
export const explicit = (n: number, value: Der): Der => tagged(0xa0 | n, value);
export const implicit = (n: number, value: Uint8Array): Der => tagged(0x80 | n, value);

/** Seconds, UTC. As RFC 5280 wants it: two digits of the year before 2050. */
export function time(ms: number): Der {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return digits < '2050' ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
}

/** `1.2.840.10045.4.3.2` */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}
