/** At most `limit` at a time; the others wait in order, urgent ones before the rest. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #urgent: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  async run<T>(action: () => Promise<T>, options: { urgent?: boolean } = {}): Promise<T> {
    const queue = options.urgent === true ? this.#urgent : this.#waiting;
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await action();
    } finally {
      const next = this.#urgent.shift() ?? this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
