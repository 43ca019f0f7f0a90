import { type IdentityId, identityId } from '../model/index.ts';
import type { IdentityRange } from './reserved.ts';

/** Numbers handed out round-robin, so that a number that came free is reused as late as possible. */
export class NumberPool {
  readonly #range: IdentityRange;
  readonly #taken = new Set<number>();
  #next: number;

  constructor(range: IdentityRange, next: number = range.first) {
    this.#range = range;
    this.#next = next >= range.first && next <= range.last ? next : range.first;
  }

  /** Where the search for the next number begins. */
  get next(): number {
    return this.#next;
  }

  get size(): number {
    return this.#range.last - this.#range.first + 1;
  }

  /** undefined when all are taken. */
  take(): IdentityId | undefined {
    if (this.#taken.size >= this.size) return undefined;
    while (this.#taken.has(this.#next)) this.#advance();
    const number = this.#next;
    this.#taken.add(number);
    this.#advance();
    return identityId(number);
  }

  /** Takes this very number; false when it is taken or out of range. */
  claim(number: number): boolean {
    if (number < this.#range.first || number > this.#range.last || this.#taken.has(number)) return false;
    this.#taken.add(number);
    return true;
  }

  free(number: IdentityId): void {
    this.#taken.delete(number);
  }

  #advance(): void {
    this.#next = this.#next === this.#range.last ? this.#range.first : this.#next + 1;
  }
}
