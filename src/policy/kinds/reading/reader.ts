import type { FieldError } from '../../../model/index.ts';
import { formatFieldError } from './field-error.ts';
import type { Place } from './members.ts';

const MOST_SAID = 5;

/** Reads parts in a place of their own, and remembers what could not be read with what follows from that. */
export class Reader {
  readonly #texts: string[] = [];
  #more = 0;

  /** For each field that cannot be read where it is, what it is and what follows from it; the first ones. */
  get problems(): string[] {
    return this.#more === 0 ? this.#texts : [...this.#texts, `and ${this.#more} more`];
  }

  read<T>(effect: string, read: (place: Place) => T | undefined): T | undefined {
    const errors: FieldError[] = [];
    const value = read({ at: 'spec', errors });
    for (const error of errors) {
      if (this.#texts.length >= MOST_SAID) this.#more += 1;
      else this.#texts.push(`${formatFieldError(error)}: ${effect}`);
    }
    return value;
  }
}
