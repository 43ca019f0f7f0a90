export type TurnsOptions = {
  /** At a time. */
  readonly most: number;
  /** Of one person. Default: all of them. */
  readonly mostEach?: number;
  /** What whoever comes too many is told. */
  readonly full: (detail: string) => Error;
};

/** Bounds how much is done at a time, for all and for each. Nobody waits: whoever comes too many is refused. */
export class Turns {
  readonly #o: TurnsOptions;
  readonly #taken: string[] = [];

  constructor(options: TurnsOptions) {
    this.#o = options;
  }

  /** Rejects with `full`, or as the work does. */
  async take<T>(who: string, work: () => Promise<T>): Promise<T> {
    const { most, mostEach = most, full } = this.#o;
    const own = this.#taken.filter((one) => one === who).length;
    if (own >= mostEach) throw full(`${own} of yours are asked already`);
    if (this.#taken.length >= most) throw full(`${most} are asked already`);
    this.#taken.push(who);
    try {
      return await work();
    } finally {
      this.#taken.splice(this.#taken.indexOf(who), 1);
    }
  }
}
