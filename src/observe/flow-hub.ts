import type { Flow, FlowFilter, FlowMessage } from '../model/index.ts';
import { compileFilter } from './filter.ts';
import { FlowReader } from './flow-reader.ts';
import { FlowStore } from './flow-store.ts';

export type FlowHubOptions = {
  /** Flows kept for `observe --last`. Default 4,096, some 4 MB. */
  readonly storeSize?: number;
  /** Flows that wait for one reader. Default 8,192. */
  readonly readerQueue?: number;
};

export type FlowStats = {
  /** Flows that the agent has seen. */
  readonly seen: number;
  readonly stored: number;
  readonly readers: number;
  readonly lost: { readonly kernel: number; readonly store: number; readonly reader: number };
};

export type FlowQuery = { readonly filter?: FlowFilter; readonly last?: number; readonly follow?: boolean };

/** Where flows go once they are decoded: into the store, and to whoever reads along. */
export class FlowHub {
  readonly #store: FlowStore;
  readonly #readerQueue: number;
  readonly #readers = new Set<FlowReader>();
  #seen = 0;
  #lostKernel = 0;
  /** Of readers that are gone. */
  #lostReader = 0;

  constructor(options: FlowHubOptions = {}) {
    this.#store = new FlowStore({ capacity: options.storeSize ?? 4_096 });
    this.#readerQueue = options.readerQueue ?? 8_192;
  }

  publish(flows: readonly Flow[]): void {
    this.#seen += flows.length;
    for (const flow of flows) this.#add({ kind: 'flow', flow });
  }

  /** `count` flows were lost before they came here, just now. */
  recordKernelLoss(count: number): void {
    if (count <= 0) return;
    this.#lostKernel += count;
    this.#add({ kind: 'lost', place: 'kernel', count });
  }

  stats(): FlowStats {
    let reader = this.#lostReader;
    for (const { lost } of this.#readers) reader += lost;
    return {
      seen: this.#seen,
      stored: this.#store.size,
      readers: this.#readers.size,
      lost: { kernel: this.#lostKernel, store: this.#store.overwritten, reader },
    };
  }

  /** Stored flows first, then, with `follow`, all that come: none twice, none missing without a note. */
  async *observe(query: FlowQuery, signal: AbortSignal): AsyncGenerator<readonly FlowMessage[]> {
    const matches = compileFilter(query.filter ?? {});
    const stored = this.#store.latest(query.last ?? 0, matches);
    if (!query.follow) {
      if (stored.length > 0) yield stored;
      return;
    }
    const reader = new FlowReader({ matches, capacity: this.#readerQueue });
    this.#readers.add(reader);
    try {
      if (stored.length > 0) yield stored;
      while (!signal.aborted) {
        const messages = await reader.take(signal);
        if (messages.length > 0) yield messages;
      }
    } finally {
      this.#readers.delete(reader);
      this.#lostReader += reader.lost;
    }
  }

  #add(message: FlowMessage): void {
    this.#store.push(message);
    for (const reader of this.#readers) reader.offer(message);
  }
}
