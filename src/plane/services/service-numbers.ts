export type ServiceNumbersOptions = {
  /** Above every number that the kernel holds, and at least what was reserved before. */
  readonly next: number;
  /** Remembers that numbers below this may have been given out. */
  readonly reserve: (below: number) => void;
};

/** How many are reserved at once: a write of the file each. */
const BLOCK = 65_536;
const MAX = 0xffff_ffff;

/**
 * Numbers for services, backend sets and backends. None is given out twice soon, across restarts either: affinity and
 * sockets remember backends by number, and must not find another service's.
 */
export class ServiceNumbers {
  readonly #reserve: (below: number) => void;
  #next: number;
  #reserved = 0;

  constructor(options: ServiceNumbersOptions) {
    this.#next = Math.max(1, options.next);
    this.#reserve = options.reserve;
  }

  /** Never 0. */
  fresh(): number {
    if (this.#next > MAX) {
      this.#next = 1;
      this.#reserved = 0;
    }
    if (this.#next >= this.#reserved) {
      this.#reserved = this.#next + BLOCK;
      this.#reserve(this.#reserved);
    }
    const number = this.#next;
    this.#next += 1;
    return number;
  }
}
