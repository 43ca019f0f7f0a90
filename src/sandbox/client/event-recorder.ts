import { errorMessage, type Logger } from '../../base/index.ts';
import type { ApiStore } from '../apiserver/index.ts';
import { rfc3339 } from './time.ts';

type Subject = {
  readonly kind: 'Pod' | 'Node';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

export type EventText = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

/** How many distinct events are remembered for counting repetitions. */
const MEMORY = 2_000;

/** Writes v1 Events; what repeats only counts up. Losing one is no error. */
export class EventRecorder {
  readonly #store: ApiStore;
  readonly #component: string;
  readonly #log: Logger;
  readonly #seen = new Map<string, { name: string; count: number }>();
  #serial = Date.now();

  constructor(options: { store: ApiStore; component: string; log: Logger }) {
    this.#store = options.store;
    this.#component = options.component;
    this.#log = options.log;
  }

  record(subject: Subject, event: EventText): void {
    try {
      this.#write(subject, event);
    } catch (error) {
      this.#log.debug({ reason: event.reason, error: errorMessage(error) }, 'event not written');
    }
  }

  #write(subject: Subject, event: EventText): void {
    const { namespace } = subject;
    const message = event.message.slice(0, 1000);
    const key = JSON.stringify([subject, event.reason, message]);
    const known = this.#seen.get(key);
    const now = rfc3339();
    const old = known === undefined ? undefined : this.#store.get('events', { namespace, name: known.name });
    if (known !== undefined && old !== undefined) {
      known.count += 1;
      this.#store.update('events', { ...structuredClone(old), count: known.count, lastTimestamp: now });
      return;
    }
    this.#serial += 1;
    const name = `${subject.name.slice(0, 200)}.${this.#serial.toString(16)}`;
    if (this.#seen.size >= MEMORY) this.#seen.clear();
    this.#seen.set(key, { name, count: 1 });
    this.#store.create('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: { apiVersion: 'v1', ...subject },
      type: event.type,
      reason: event.reason,
      message,
      source: { component: this.#component },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
  }
}
