/**
 * "There is something new": what it is stands where it belongs, in a table or a property, and whoever is told looks there.
 * Listeners are called at once and in order; they only note that there is work, so that the one who says it never waits.
 */
export class Signal {
  readonly #listeners = new Set<() => void>();

  listen(listener: () => void): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  emit(): void {
    for (const listener of this.#listeners) listener();
  }
}
