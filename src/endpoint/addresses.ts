import { type Addr, addrValue, type Prefix } from '../net/index.ts';
import { endpointErrors } from './errors.ts';

/**
 * The addresses of one pod CIDR. An address that was freed is given out again only after every other free one: round
 * robin over what was never used, then the freed ones, the longest free first. Network and broadcast address of an IPv4
 * prefix are never given out.
 */
export class AddressPool {
  readonly prefix: Prefix;
  readonly #first: bigint;
  readonly #count: bigint;
  readonly #taken = new Set<Addr>();
  /** Freed since the start, in the order in which they were freed. */
  readonly #freed = new Set<Addr>();
  #cursor: bigint;

  /** `cursor`: offset after the last address that an earlier life of the agent gave out. */
  constructor(prefix: Prefix, cursor = 0) {
    const edges = prefix.family === 4 && prefix.size > 2n;
    this.prefix = prefix;
    this.#first = edges ? 1n : 0n;
    this.#count = edges ? prefix.size - 2n : prefix.size;
    this.#cursor = BigInt(Math.max(0, Math.trunc(cursor))) % this.#count;
  }

  /** To be kept over a restart. */
  get cursor(): number {
    return Number(this.#cursor);
  }

  get capacity(): number {
    return Number(this.#count > BigInt(Number.MAX_SAFE_INTEGER) ? BigInt(Number.MAX_SAFE_INTEGER) : this.#count);
  }

  get used(): number {
    return this.#taken.size;
  }

  has(addr: Addr): boolean {
    return this.#taken.has(addr);
  }

  /** Takes a free address, or exactly `requested`. E_IPAM_EXHAUSTED, E_IPAM_TAKEN, E_IPAM_OUTSIDE. */
  allocate(requested?: Addr): Addr {
    if (requested !== undefined) return this.#allocateExactly(requested);
    const addr = this.#neverUsed() ?? this.#longestFree();
    if (addr === undefined) {
      throw endpointErrors.make('E_IPAM_EXHAUSTED', {
        detail: `all ${this.#count} addresses of ${this.prefix.toString()} are in use`,
      });
    }
    this.#take(addr);
    return addr;
  }

  /** Of a pod that has it already, whoever gave it to it; one that the pool never gives out is left alone. */
  reserve(addr: Addr): void {
    if (this.#gives(addr)) this.#take(addr);
  }

  /** Returns an address; one that is not taken is left alone. */
  release(addr: Addr): void {
    if (this.#taken.delete(addr)) this.#freed.add(addr);
  }

  #allocateExactly(addr: Addr): Addr {
    if (!this.#gives(addr)) {
      throw endpointErrors.make('E_IPAM_OUTSIDE', { detail: `${addr} is no pod address of ${this.prefix.toString()}` });
    }
    if (this.#taken.has(addr)) throw endpointErrors.make('E_IPAM_TAKEN', { detail: addr });
    this.#take(addr);
    return addr;
  }

  #gives(addr: Addr): boolean {
    const offset = this.prefix.contains(addr) ? addrValue(addr) - this.prefix.value - this.#first : -1n;
    return offset >= 0n && offset < this.#count;
  }

  #take(addr: Addr): void {
    this.#freed.delete(addr);
    this.#taken.add(addr);
  }

  #neverUsed(): Addr | undefined {
    if (BigInt(this.#taken.size + this.#freed.size) >= this.#count) return undefined;
    for (let tried = 0n; tried < this.#count; tried += 1n) {
      const addr = this.prefix.at(this.#first + this.#cursor);
      this.#cursor = (this.#cursor + 1n) % this.#count;
      if (!this.#taken.has(addr) && !this.#freed.has(addr)) return addr;
    }
    return undefined;
  }

  #longestFree(): Addr | undefined {
    return this.#freed.values().next().value;
  }
}
