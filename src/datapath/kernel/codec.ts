/** Scalars that the generated codecs share. All multi-byte kernel fields are little-endian unless they are `__be`. */
import { type Addr, addrBytes16, addrFromBytes, type Mac, macBytes, macFromBytes } from '../../net/index.ts';

/** Bytes of one kernel struct. */
export type Codec<T> = {
  readonly size: number;
  /** The bytes at `offset` must be zero. */
  readonly write: (view: DataView, offset: number, value: T) => void;
  readonly decode: (view: DataView, offset?: number) => T;
};

/** Formatting an address costs far more than reading it; flows repeat the same few. Emptied when it grows. */
const ipv4Texts = new Map<number, Addr>();
const MAX_TEXTS = 65_536;

function ipv4Text(value: number): Addr {
  const known = ipv4Texts.get(value);
  if (known !== undefined) return known;
  const text = `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Addr;
  if (ipv4Texts.size >= MAX_TEXTS) ipv4Texts.clear();
  ipv4Texts.set(value, text);
  return text;
}

/** `union addr`: 16 bytes in network order, IPv4 mapped. */
export function readAddr(view: DataView, offset: number): Addr {
  if (view.getUint32(offset + 8) === 0xffff && view.getUint32(offset + 4) === 0 && view.getUint32(offset, true) === 0) {
    return ipv4Text(view.getUint32(offset + 12));
  }
  if (isZero(view, offset, 16)) return UNSPECIFIED;
  return addrFromBytes(new Uint8Array(view.buffer, view.byteOffset + offset, 16));
}

const UNSPECIFIED = '::' as Addr;

export function writeAddr(view: DataView, offset: number, addr: Addr): void {
  new Uint8Array(view.buffer, view.byteOffset + offset, 16).set(addrBytes16(addr));
}

function isZero(view: DataView, offset: number, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (view.getUint8(offset + i) !== 0) return false;
  return true;
}

/** All zero means none. */
export function readAddrOrNull(view: DataView, offset: number): Addr | null {
  return isZero(view, offset, 16) ? null : readAddr(view, offset);
}

export function writeAddrOrNull(view: DataView, offset: number, addr: Addr | null): void {
  if (addr !== null) writeAddr(view, offset, addr);
}

/** `__be32` that holds an IPv4 address. */
export function readIpv4OrNull(view: DataView, offset: number): Addr | null {
  const value = view.getUint32(offset);
  return value === 0 ? null : ipv4Text(value);
}

export function writeIpv4OrNull(view: DataView, offset: number, addr: Addr | null): void {
  if (addr !== null) new Uint8Array(view.buffer, view.byteOffset + offset, 4).set(addrBytes16(addr).subarray(12));
}

export function readMacOrNull(view: DataView, offset: number): Mac | null {
  return isZero(view, offset, 6) ? null : macFromBytes(new Uint8Array(view.buffer, view.byteOffset + offset, 6));
}

export function writeMacOrNull(view: DataView, offset: number, mac: Mac | null): void {
  if (mac !== null) new Uint8Array(view.buffer, view.byteOffset + offset, 6).set(macBytes(mac));
}

/** The name of a number that the kernel wrote. Throws RangeError: the writer is newer than this program. */
export function enumName<Name extends string>(names: readonly (Name | undefined)[], value: number): Name {
  const name = names[value];
  if (name === undefined) throw new RangeError(`${value} is not one of ${names.join(', ')}`);
  return name;
}
