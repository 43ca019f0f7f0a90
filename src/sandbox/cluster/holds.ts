/** Doors by name that are shut for whoever comes next. */
export class Holds {
  readonly #doors = new Map<string, PromiseWithResolvers<void>>();

  /** Idempotent. */
  shut(name: string): void {
    if (!this.#doors.has(name)) this.#doors.set(name, Promise.withResolvers<void>());
  }

  open(name: string): void {
    this.#doors.get(name)?.resolve();
    this.#doors.delete(name);
  }

  openAll(): void {
    for (const door of this.#doors.values()) door.resolve();
    this.#doors.clear();
  }

  /** Waits while the door is shut. */
  async pass(name: string): Promise<void> {
    await this.#doors.get(name)?.promise;
  }
}
