import { Backoff, errorMessage, type Logger } from '../base/index.ts';

/** Told how long each pass took, in seconds; a histogram is one. */
export type PassTimes = { readonly observe: (seconds: number) => void };

export type PassesOptions = {
  /** Brings everything that is decided into the kernel; called again after a backoff when it throws. */
  readonly pass: () => Promise<void>;
  /** What the log says when a pass fails. */
  readonly failure: string;
  readonly log: Logger;
  /** From the first event to the last write of a pass. */
  readonly times?: PassTimes | undefined;
};

/** Runs an engine's passes: the events of one turn of the event loop make one pass, and passes never overlap. */
export class Passes {
  readonly #o: PassesOptions;
  readonly #backoff = new Backoff({ initial: 100, max: 5_000 });
  #requestedAt: number | undefined;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #stopped = false;
  #problem: string | undefined;
  #begun = 0;

  constructor(options: PassesOptions) {
    this.#o = options;
  }

  /** Why the last pass failed, or what it could not do; undefined: nothing is wrong. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Passes that have begun. */
  get begun(): number {
    return this.#begun;
  }

  /** For a pass that goes on although something is wrong. */
  report(problem: string): void {
    this.#problem = problem;
  }

  /** There will be a pass after this turn of the event loop. */
  kick(): void {
    this.#requestedAt ??= performance.now();
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#run();
  }

  /** There will be a pass in `ms` at the latest: of several times the earliest counts. */
  later(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.kick();
    }, ms);
    this.#timer.unref();
  }

  /** Resolves when nothing is left to do now. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Resolves when the pass that runs is over; there will be no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#requestedAt !== undefined && !this.#stopped) {
      const startedAt = this.#requestedAt;
      this.#requestedAt = undefined;
      this.#begun += 1;
      try {
        this.#problem = undefined;
        await this.#o.pass();
        this.#backoff.reset();
        this.#o.times?.observe((performance.now() - startedAt) / 1_000);
      } catch (error) {
        this.#problem = errorMessage(error);
        this.#o.log.error({ error: this.#problem }, this.#o.failure);
        this.later(this.#backoff.next());
        break;
      }
    }
    // In the same turn as the last look: a kick in between would be nobody's.
    this.#running = undefined;
  }
}
