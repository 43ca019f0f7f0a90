import { type Addr, addrFamily, addrFromValue, addrValue, type Family, parseAddr } from './addr.ts';
import { netErrors } from './errors.ts';

/** ::ffff:0:0/96, where IPv4 lies within IPv6. */
const MAPPED = 0xffffn;
const MAPPED_LENGTH = 96;
const IPV4_BITS = 32n;

/** An IP prefix (RFC 4632). Immutable; `toString()` is canonical and usable as a key. */
export class Prefix {
  readonly family: Family;
  /** Network address; all host bits are zero. */
  readonly value: bigint;
  /** 0 to 32 or 0 to 128. */
  readonly length: number;
  /** Value of the last address: comparing is several times as fast as shifting. Most are never asked. */
  #last: bigint | undefined;
  #network: Addr | undefined;
  #text: string | undefined;

  private constructor(family: Family, value: bigint, length: number) {
    this.family = family;
    this.value = value;
    this.length = length;
  }

  /** Host bits are cleared. */
  static of(addr: Addr, length: number): Prefix {
    const family = addrFamily(addr);
    const bits = family === 4 ? 32 : 128;
    if (!Number.isInteger(length) || length < 0 || length > bits) {
      throw netErrors.make('E_NET_PREFIX', { detail: `length ${length} of ${addr} is not within 0 to ${bits}` });
    }
    const prefix = Prefix.#masked(family, addrValue(addr), length);
    if (length === bits) prefix.#network = addr;
    return prefix;
  }

  /**
   * Of an address as a number, `length` within the family's bits. What lies in ::ffff:0:0/96 is IPv4, whatever `family`
   * says; a wider prefix of IPv6 around that is IPv6 and covers no IPv4.
   */
  static ofValue(family: Family, value: bigint, length: number): Prefix {
    if (family === 6 && length >= MAPPED_LENGTH && value >> IPV4_BITS === MAPPED) {
      return Prefix.#masked(4, value & 0xffff_ffffn, length - MAPPED_LENGTH);
    }
    return Prefix.#masked(family, value, length);
  }

  static #masked(family: Family, value: bigint, length: number): Prefix {
    const bits = family === 4 ? 32 : 128;
    if (length === bits) return new Prefix(family, value, length);
    const host = BigInt(bits - length);
    return new Prefix(family, (value >> host) << host, length);
  }

  /** The /32 or /128 of one address. */
  static host(addr: Addr): Prefix {
    return Prefix.of(addr, addrFamily(addr) === 4 ? 32 : 128);
  }

  /**
   * Parses `addr/length`. `hostBits`: what to do with bits beyond the length: `refuse` (default, E_NET_PREFIX_HOST_BITS)
   * or `clear`, as Kubernetes does for ipBlock.
   */
  static parse(text: string, options: { hostBits?: 'refuse' | 'clear' } = {}): Prefix {
    const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
    if (match?.[1] === undefined || match[2] === undefined) {
      throw netErrors.make('E_NET_PREFIX', { detail: JSON.stringify(text) });
    }
    const addr = parseAddr(match[1]);
    const length = Number(match[2]);
    const mapped = addrFamily(addr) === 4 && match[1].includes(':');
    if (mapped && length > 128) throw netErrors.make('E_NET_PREFIX', { detail: JSON.stringify(text) });
    const value = addrValue(addr) + (mapped ? MAPPED << IPV4_BITS : 0n);
    const prefix = mapped ? Prefix.ofValue(6, value, length) : Prefix.of(addr, length);
    const kept = prefix.family === 4 ? addrValue(addr) : value;
    if ((options.hostBits ?? 'refuse') === 'refuse' && prefix.value !== kept) {
      throw netErrors.make('E_NET_PREFIX_HOST_BITS', { detail: `"${text}", the network is ${prefix.toString()}` });
    }
    return prefix;
  }

  get bits(): 32 | 128 {
    return this.family === 4 ? 32 : 128;
  }

  /** First address of the prefix. */
  get network(): Addr {
    this.#network ??= addrFromValue(this.family, this.value);
    return this.#network;
  }

  /** How many addresses it holds. */
  get size(): bigint {
    return 1n << BigInt(this.bits - this.length);
  }

  /** The address at `offset` from the network address. */
  at(offset: bigint): Addr {
    if (offset < 0n || offset >= this.size) {
      throw netErrors.make('E_NET_PREFIX', { detail: `${this.toString()} has no address number ${offset}` });
    }
    return addrFromValue(this.family, this.value + offset);
  }

  /** True when every address of `other` is in this prefix. Families never contain each other. */
  contains(other: Prefix | Addr): boolean {
    const inner = other instanceof Prefix ? other : Prefix.host(other);
    if (inner.family !== this.family || inner.length < this.length) return false;
    this.#last ??= this.value + this.size - 1n;
    return inner.value >= this.value && inner.value <= this.#last;
  }

  equals(other: Prefix): boolean {
    return this.family === other.family && this.length === other.length && this.value === other.value;
  }

  toString(): string {
    this.#text ??= `${this.network}/${this.length}`;
    return this.#text;
  }
}
