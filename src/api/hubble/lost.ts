import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FlowLossPlace } from '../../model/index.ts';
import { timestamp } from './flow-message.ts';
import { type LostEventSchema, LostEventSource } from './gen/flow/flow_pb.js';

const SOURCES: Readonly<Record<FlowLossPlace, LostEventSource | undefined>> = {
  kernel: LostEventSource.PERF_EVENT_RING_BUFFER,
  reader: LostEventSource.OBSERVER_EVENTS_QUEUE,
  // That older flows are not kept for ever is no loss to who reads along.
  store: undefined,
};

/** Clients are told of loss at most this often; nothing of it is forgotten. */
export const LOST_EVERY_MS = 1_000;

type Sum = { count: number; readonly first: number; last: number };

/** What was lost, until it is told. */
export class Losses {
  readonly #sums = new Map<LostEventSource, Sum>();
  #toldAt = Number.NEGATIVE_INFINITY;

  add(place: FlowLossPlace, count: number, now: number): void {
    const source = SOURCES[place];
    if (source === undefined) return;
    const sum = this.#sums.get(source) ?? { count: 0, first: now, last: now };
    sum.count += count;
    sum.last = now;
    this.#sums.set(source, sum);
  }

  /** ms until something is to be told; undefined: there is nothing. */
  due(now: number): number | undefined {
    return this.#sums.size === 0 ? undefined : Math.max(0, this.#toldAt + LOST_EVERY_MS - now);
  }

  take(now: number): MessageInitShape<typeof LostEventSchema>[] {
    this.#toldAt = now;
    const told = Array.from(this.#sums, ([source, { count, first, last }]) => ({
      source,
      numEventsLost: BigInt(count),
      first: timestamp(first),
      last: timestamp(last),
    }));
    this.#sums.clear();
    return told;
  }
}
