import { randomInt } from 'node:crypto';
import { type Clock, errorMessage, type Logger, systemClock } from '../../base/index.ts';
import type { ApiStore, KubeObject } from '../apiserver/index.ts';
import { rfc3339 } from './time.ts';

type Subject = {
  /** Default v1. */
  readonly apiVersion?: string;
  readonly kind: string;
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
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #seen = new Map<string, { name: string; count: number }>();
  /** Far from that of any other recorder, which may write of the same object. */
  #serial = Date.now() * 4_096 + randomInt(4_096);

  constructor(options: { store: ApiStore; component: string; clock?: Clock; log: Logger }) {
    this.#store = options.store;
    this.#component = options.component;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log;
  }

  record(subject: Subject, event: EventText): void {
    try {
      this.#write(subject, event);
    } catch (error) {
      this.#log.debug({ reason: event.reason, error: errorMessage(error) }, 'event not written');
    }
  }

  /** An event of any object that lives in a namespace. */
  about(object: KubeObject, type: EventText['type'], reason: string, message: string): void {
    const { apiVersion, kind, metadata } = object;
    const { namespace = 'default', name, uid = '' } = metadata;
    this.record({ apiVersion, kind, namespace, name, uid }, { type, reason, message });
  }

  #write(subject: Subject, event: EventText): void {
    const { namespace } = subject;
    const message = event.message.slice(0, 1000);
    const key = JSON.stringify([subject, event.reason, message]);
    const known = this.#seen.get(key);
    const now = rfc3339(this.#clock.now());
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
