/**
 * What a proof was made of: a digest of all bytes that were read of the kernel, and the very objects and numbers that intent was.
 * What is proved follows from these alone. Where the next reading finds all of them again, what was proved is so still, and none of
 * it needs to be made once more; a row that somebody writes is another digest.
 */
export class Evidence {
  readonly #digest: string;
  readonly #intent: readonly unknown[];

  /** `intent`: objects that are never changed, but replaced by others. */
  constructor(digest: string, intent: readonly unknown[]) {
    this.#digest = digest;
    this.#intent = intent;
  }

  equals(other: Evidence): boolean {
    const [own, others] = [this.#intent, other.#intent];
    return (
      this.#digest === other.#digest &&
      own.length === others.length &&
      own.every((one, index) => Object.is(one, others[index]))
    );
  }
}
