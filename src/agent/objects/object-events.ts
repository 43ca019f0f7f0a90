import { createHash } from 'node:crypto';
import {
  type Clock,
  errorMessage,
  isMembraneError,
  type Lifecycle,
  type Logger,
  type Service,
} from '../../base/index.ts';
import type { ObjectProblem, ObjectProblems, ObjectSubject } from '../../cluster/index.ts';
import type { KubeClient } from '../../kube/index.ts';

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
  #queue: { readonly namespace: string; readonly body: { readonly metadata: { readonly name: string } } }[] = [];
  #wake: (() => void) | undefined;

  constructor(options: ObjectEventsOptions) {
    this.#o = options;
    options.problems.reported.listen(() => this.#take());
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('events', async (signal) => {
      while (!signal.aborted) {
        const next = this.#queue.shift();
        if (next === undefined) await this.#something(signal);
        else {
          await this.#send(next.namespace, next.body);
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
    const namespace = placeOf(subject);
    let queued = this.#queue.filter((waiting) => waiting.namespace === namespace).length;
    for (const problem of problems) {
      const body = eventOf(subject, problem, this.#o);
      const { name } = body.metadata;
      if (this.#said.has(name) || this.#queue.length >= MAX_QUEUE || queued >= MAX_OF_NAMESPACE) continue;
      queued += 1;
      if (this.#said.size >= MAX_REMEMBERED) this.#said.clear();
      this.#said.add(name);
      this.#queue.push({ namespace, body });
    }
  }

  async #something(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }

  async #send(namespace: string, body: unknown): Promise<void> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
    try {
      await this.#o.client.request({ method: 'POST', path, body });
    } catch (error) {
      // Another node said it before.
      if (isMembraneError(error, 'E_KUBE_CONFLICT')) return;
      this.#o.log.debug({ path, error: errorMessage(error) }, 'event not written');
    }
  }
}

/** Where events on a cluster-wide object are written. */
const placeOf = ({ namespace }: ObjectSubject): string => (namespace === '' ? 'default' : namespace);

function eventOf(
  subject: ObjectSubject,
  { reason, message, isNormal = false }: ObjectProblem,
  { node, clock }: ObjectEventsOptions,
) {
  const { namespace, name, uid, ...type } = subject;
  const digest = createHash('sha256').update(`${uid} ${reason} ${message}`).digest('hex').slice(0, 16);
  const now = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, 200)}.${digest}`, namespace: placeOf(subject) },
    involvedObject: { ...type, ...(namespace === '' ? {} : { namespace }), name, uid },
    type: isNormal ? 'Normal' : 'Warning',
    reason,
    message: message.slice(0, 1_000),
    source: { component: 'membrane', host: node },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}
