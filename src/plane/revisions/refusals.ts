import type { MembraneError } from '../../base/index.ts';

/**
 * What was refused for want of room, and why. Each is tried again when rows were freed since, and not before; what found no
 * memory, although there was room, at any time.
 */
export class Refusals<K> {
  readonly #freed: () => number;
  readonly #problems = new Map<K, MembraneError>();
  /** What had been freed when it was refused. */
  readonly #since = new Map<K, number>();
  readonly #short = new Set<K>();

  /** `freed`: grows with every row that is deleted. */
  constructor(freed: () => number) {
    this.#freed = freed;
  }

  get problems(): ReadonlyMap<K, MembraneError> {
    return this.#problems;
  }

  /** Something may fit now. */
  get pending(): boolean {
    const freed = this.#freed();
    return this.#since.values().some((since) => since !== freed);
  }

  /** `since`: what had been freed when there was no room, should refusing free something itself. */
  refuse(key: K, problem: MembraneError, since = this.#freed()): void {
    this.#problems.set(key, problem);
    this.#since.set(key, since);
  }

  /** There was room, and the kernel had no memory just then. */
  refuseForNow(key: K, problem: MembraneError): void {
    this.refuse(key, problem);
    this.#short.add(key);
  }

  /** Something is to be tried again, whether anything is freed or not. */
  get short(): boolean {
    return this.#short.size > 0;
  }

  accept(key: K): void {
    this.#short.delete(key);
    this.#problems.delete(key);
    this.#since.delete(key);
  }

  /** Those that may fit now; each once, until more is freed or it is refused again. */
  retry(): K[] {
    const freed = this.#freed();
    const due = Array.from(this.#since).flatMap(([key, since]) =>
      since === freed && !this.#short.has(key) ? [] : [key],
    );
    for (const key of due) this.#since.set(key, freed);
    this.#short.clear();
    return due;
  }
}
