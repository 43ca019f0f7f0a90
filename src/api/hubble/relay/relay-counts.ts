import type { FlowLossPlace } from '../../../model/index.ts';
import { type LostEvent, LostEventSource } from '../gen/flow/flow_pb.js';
import type { Told } from './told.ts';

/** Why a node's flows ended before its reader did: it sent what is another's, or its stream broke. */
export type NodeFailure = 'lie' | 'broken';

const PLACES: Readonly<Partial<Record<LostEventSource, FlowLossPlace>>> = {
  [LostEventSource.PERF_EVENT_RING_BUFFER]: 'kernel',
  [LostEventSource.OBSERVER_EVENTS_QUEUE]: 'reader',
};

/** Told of each flow that was told as it came, s since the node saw it; a histogram is one. */
export type Lags = { readonly observe: (seconds: number) => void };

/** What a relay has done for all who read, since it started. */
export class RelayCounts {
  readers = 0;
  sent = 0;
  /** As nodes told of them, once for each reader. */
  readonly lost = { kernel: 0, reader: 0 };
  readonly failures: Record<NodeFailure, number> = { lie: 0, broken: 0 };
  readonly #lags: Lags | undefined;

  constructor(lags?: Lags) {
    this.#lags = lags;
  }

  /** What goes to a reader. `since`, ms: what came after that is told as it comes; undefined: nothing is. */
  tell(group: readonly Told[], since: number | undefined): void {
    const now = Date.now();
    for (const one of group) {
      if (one.kind === 'lost') this.#lose(one.lost);
      if (one.kind !== 'flow') continue;
      this.sent += 1;
      if (since !== undefined && one.time >= since) this.#lags?.observe(Math.max(0, now - one.time) / 1_000);
    }
  }

  #lose({ source, numEventsLost }: LostEvent): void {
    const place = PLACES[source];
    if (place === 'kernel' || place === 'reader') this.lost[place] += Number(numEventsLost);
  }
}
