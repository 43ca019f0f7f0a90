import { type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import type { ObjectProblem, ObjectProblems, ObjectSubject } from '../../cluster/index.ts';
import { EventObjects, eventOn, eventPlace, type KubeClient, type ObjectEvent } from '../../kube/index.ts';

/** Whoever can write objects must not be able to flood the API server through us. */
const PAUSE_MS = 100;
const MAX_QUEUE = 1_000;
/** Of one namespace, so that the events of others still find room. */
const MAX_OF_NAMESPACE = 100;
const MAX_REMEMBERED = 10_000;

export type ObjectEventsOptions = {
  readonly client: Pick<KubeClient, 'request'>;
  readonly problems: ObjectProblems;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Says as an event on an object what is wrong with it, once. Its name follows from what it says: all nodes say one
 * thing together once. Losing one is no error; it stands in `service list` and `policy list` too.
 */
export class ObjectEvents implements Service {
  readonly #o: ObjectEventsOptions;
  readonly #said = new Set<string>();
  readonly #store: EventObjects;
  #queue: ObjectEvent[] = [];
  #wake: (() => void) | undefined;

  constructor(options: ObjectEventsOptions) {
    this.#o = options;
    this.#store = new EventObjects(options.client);
    options.problems.reported.listen(() => this.#take());
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('events', async (signal) => {
      while (!signal.aborted) {
        const next = this.#queue.shift();
        if (next === undefined) await this.#something(signal);
        else {
          await this.#send(next);
          await this.#o.clock.sleep(PAUSE_MS, signal).catch(() => undefined);
        }
      }
    });
  }

  #take(): void {
    for (const { subject, problems } of this.#o.problems.take()) this.#enqueue(subject, problems);
    if (this.#queue.length > 0) this.#wake?.();
  }

  #enqueue(subject: ObjectSubject, problems: readonly ObjectProblem[]): void {
    const { node, clock } = this.#o;
    const place = eventPlace(subject);
    let queued = this.#queue.filter(({ metadata }) => metadata.namespace === place).length;
    for (const problem of problems) {
      const event = eventOn(subject, problem, { host: node, now: clock.now() });
      const { name } = event.metadata;
      if (this.#said.has(name) || this.#queue.length >= MAX_QUEUE || queued >= MAX_OF_NAMESPACE) continue;
      queued += 1;
      if (this.#said.size >= MAX_REMEMBERED) this.#said.clear();
      this.#said.add(name);
      this.#queue.push(event);
    }
  }

  async #something(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }

  async #send(event: ObjectEvent): Promise<void> {
    try {
      await this.#store.say(event);
    } catch (error) {
      this.#o.log.debug({ event: event.metadata.name, error: errorMessage(error) }, 'event not written');
    }
  }
}
