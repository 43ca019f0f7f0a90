import type { Flow, FlowFilter, FlowMessage } from '../model/index.ts';
import { type DecodeContext, decodeFlow } from './decode.ts';
import { observeErrors } from './errors.ts';
import { compileFilter, namespacesOf } from './filter.ts';
import { FlowReader, stillThere, type Waiting } from './flow-reader.ts';
import { FlowScan } from './flow-scan.ts';
import { FlowStore } from './flow-store.ts';
import type { PastNames } from './past-names.ts';
import { isDenied, isKnown, type RecordLayout } from './record.ts';
import { RecordFlow } from './record-flow.ts';
import type { Viewer } from './sight/index.ts';
import type { Somebody } from './who.ts';

export type FlowHubOptions = {
  readonly layout: RecordLayout;
  readonly names: PastNames;
  readonly node: string;
  readonly clock: FlowClock;
  /** Flows kept for those who come later; 80 bytes each as they come. */
  readonly storeSize: number;
  /** Sees each record as it comes. */
  readonly onRecord?: (view: DataView, at: number) => void;
  /** Flows that wait for one reader. Default 8,192. */
  readonly readerQueue?: number;
  /** Who may follow at a time. Default 128. */
  readonly maxReaders?: number;
};

/** The kernel's boot clock, in nanoseconds, and the wall's, in milliseconds since the epoch. */
export type FlowClock = {
  readonly now: () => number;
  readonly toWall: (bootNs: number) => number;
  readonly toBoot: (wallMs: number) => number;
};

export type FlowStats = {
  /** Flows that the agent has seen. */
  readonly seen: number;
  readonly stored: number;
  /** Flows that there is room for. */
  readonly capacity: number;
  readonly readers: number;
  readonly lost: { readonly kernel: number; readonly store: number; readonly reader: number };
};

/** Which flows. `last` and `first`: the newest or oldest so many that match; neither: none of what is stored, unless since or until is given. */
export type FlowQuery = {
  readonly filter?: FlowFilter;
  /** Beyond the filter. `about` says whom it can be about, by the namespaces that it wants. */
  readonly matches?: (flow: Flow) => boolean;
  readonly about?: readonly string[] | undefined;
  readonly last?: number;
  readonly first?: number;
  /** ms since the epoch. */
  readonly since?: number;
  readonly until?: number;
  readonly follow?: boolean;
  /** Whose eyes see them: filters hold of what these see, and nothing is told of what they do not. Undefined: all is seen. */
  readonly viewer?: Viewer | undefined;
};

/** What is decoded for one reader before others get their turn. */
const TAKEN_AT_ONCE = 256;
/** Of the rate: a minute. */
const SAMPLE_EVERY_MS = 1_000;
const SAMPLES = 60;

/** Where records go: into the store as they are, and, decoded, to whoever asks. */
export class FlowHub {
  readonly #o: FlowHubOptions;
  readonly #store: FlowStore;
  readonly #names: PastNames;
  readonly #readerQueue: number;
  readonly #maxReaders: number;
  readonly #readers = new Set<FlowReader>();
  readonly #context: DecodeContext;
  #view: { readonly words: Uint32Array; readonly view: DataView } | undefined;
  #seen = 0;
  #unknown = 0;
  #lostKernel = 0;
  /** Of readers that are gone. */
  #lostReader = 0;
  #now = 0;
  #samples: { readonly time: number; readonly seen: number }[] = [];

  constructor(options: FlowHubOptions) {
    this.#o = options;
    this.#store = new FlowStore({ capacity: options.storeSize, layout: options.layout });
    this.#names = options.names;
    this.#readerQueue = options.readerQueue ?? 8_192;
    this.#maxReaders = options.maxReaders ?? 128;
    this.#context = { node: options.node, lookup: options.names, toWall: options.clock.toWall };
  }

  /** Before the records of one look at the ring. */
  begin(): void {
    this.#now = this.#o.clock.now();
    this.#sample();
    this.#names.begin(this.#now, () => this.#o.clock.toWall(this.#store.oldest));
  }

  /** One record, at word `at`: nobody has to look at it now. */
  push(words: Uint32Array, at: number): void {
    const view = this.#viewOf(words);
    const { layout } = this.#o;
    if (!isKnown(layout, view, at * 4)) {
      this.#unknown += 1;
      return;
    }
    this.#seen += 1;
    this.#o.onRecord?.(view, at * 4);
    this.#names.see(view, at * 4, this.#now);
    if (isDenied(layout, view, at * 4)) this.#names.seeDenied(view, at * 4, this.#now);
    const kept = this.#store.push(words, view, at);
    for (const reader of this.#readers) reader.offer(kept);
  }

  /** `count` flows were lost before they came here, just now. */
  recordKernelLoss(count: number): void {
    if (count <= 0) return;
    this.#lostKernel += count;
    this.#store.note(count);
    for (const reader of this.#readers) reader.note('kernel', count);
  }

  stats(): FlowStats {
    let reader = this.#lostReader;
    for (const { lost } of this.#readers) reader += lost;
    return {
      seen: this.#seen,
      stored: this.#store.size,
      capacity: this.#store.capacity,
      readers: this.#readers.size,
      lost: { kernel: this.#lostKernel + this.#unknown, store: this.#store.overwritten, reader },
    };
  }

  /** Flows a second, of the last minute. */
  rate(): number {
    const [oldest] = this.#samples;
    const newest = { time: this.#o.clock.now(), seen: this.#seen };
    if (oldest === undefined || newest.time <= oldest.time) return 0;
    return ((newest.seen - oldest.seen) * 1_000) / (newest.time - oldest.time);
  }

  /** Of pods that flows are of, sorted. */
  namespaces(): readonly string[] {
    return this.#names.namespaces();
  }

  /**
   * Stored flows first, in the order of time, then, with `follow`, all that come: none twice, none missing without a note.
   * E_OBSERVE_READERS; with a viewer E_OBSERVE_FORBIDDEN, E_OBSERVE_REVOKED, E_OBSERVE_RIGHTS_UNKNOWN.
   */
  async *observe(query: FlowQuery, signal: AbortSignal): AsyncGenerator<readonly FlowMessage[]> {
    const { viewer } = query;
    if (viewer === undefined) return yield* this.#observe(query, signal);
    try {
      await viewer.open(verbsOf(query), this.namespaces());
      yield* this.#observe(query, AbortSignal.any([signal, viewer.ended]));
      if (!signal.aborted) viewer.ended.throwIfAborted();
    } finally {
      viewer.close();
    }
  }

  async *#observe(query: FlowQuery, signal: AbortSignal): AsyncGenerator<readonly FlowMessage[]> {
    // Made together with the reader: what comes from here on is the reader's.
    const scan = new FlowScan(this.#store, this.#wanted(query, this.#matcher(query, 'list')));
    const reader = query.follow === true ? this.#open(this.#matcher(query, 'watch')) : undefined;
    try {
      yield* this.#stored(scan, query, signal);
      if (reader !== undefined) yield* this.#live(reader, query, signal);
    } finally {
      if (reader !== undefined) this.#close(reader);
    }
  }

  /** A clock that was set begins anew. */
  #sample(): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && this.#now >= last.time && this.#now - last.time < SAMPLE_EVERY_MS) return;
    if (last !== undefined && this.#now < last.time) this.#samples = [];
    this.#samples.push({ time: this.#now, seen: this.#seen });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  #open(matches: (view: DataView, at: number) => boolean): FlowReader {
    if (this.#readers.size >= this.#maxReaders)
      throw observeErrors.make('E_OBSERVE_READERS', { detail: `${this.#readers.size} of ${this.#maxReaders}` });
    const reader = new FlowReader({ matches, capacity: this.#readerQueue, size: this.#o.layout.size });
    this.#readers.add(reader);
    return reader;
  }

  #close(reader: FlowReader): void {
    this.#readers.delete(reader);
    this.#lostReader += reader.lost;
  }

  async *#stored(scan: FlowScan, query: FlowQuery, signal: AbortSignal): AsyncGenerator<readonly FlowMessage[]> {
    const { last, first, since, until } = query;
    const all = since !== undefined || until !== undefined;
    if (last === undefined && first === undefined && !all) return;
    if (last === 0 || first === 0) return;
    const from = last === undefined ? undefined : await scan.newest(last);
    // Of whom they were nobody knows: who may not see all is not told how many there were.
    const isWhole = query.viewer?.seesAll('list') ?? true;
    const notes = isWhole ? [...scan.missing(from?.since)] : [];
    const isShort = isWhole && (from?.all ?? true) && this.#store.overwritten > 0;
    if (isShort) yield [{ kind: 'lost', place: 'store', count: this.#store.overwritten }];
    let left = first ?? Number.POSITIVE_INFINITY;
    const make = (view: DataView, at: number) => this.#decode(view, at);
    for await (const group of scan.inOrder(make, from?.since, from?.skip)) {
      if (signal.aborted) return;
      const flows = group.flatMap((flow) => seen(query, 'list', flow) ?? []).slice(0, left);
      left -= flows.length;
      yield withNotes(flows, notes, this.#o.clock);
      if (left <= 0) return;
    }
    if (notes.length > 0) yield notes.map(({ count }) => ({ kind: 'lost', place: 'kernel', count }));
    if (scan.lost > 0 && isWhole) yield [{ kind: 'lost', place: 'reader', count: scan.lost }];
  }

  async *#live(reader: FlowReader, query: FlowQuery, signal: AbortSignal): AsyncGenerator<readonly FlowMessage[]> {
    const { until, viewer } = query;
    const isWanted = wantedBy(query);
    while (!signal.aborted) {
      const { there, gone } = stillThere(await reader.take(TAKEN_AT_ONCE, signal));
      reader.gone(gone);
      const told = there.map((one) => this.#message(one));
      const messages = viewer === undefined ? told : await seenLive(viewer, told, isWanted);
      if (viewer?.ended.aborted) return;
      const isOver = (message: FlowMessage) => message.kind === 'flow' && message.flow.time > (until ?? Infinity);
      const end = messages.findIndex(isOver);
      if (end > 0 || (end === -1 && messages.length > 0)) yield end === -1 ? messages : messages.slice(0, end);
      if (end !== -1) return;
    }
  }

  #message(waiting: Waiting): FlowMessage {
    if ('place' in waiting) return { kind: 'lost', ...waiting };
    return { kind: 'flow', flow: this.#decode(waiting.block.view, waiting.index * this.#o.layout.size) };
  }

  #decode(view: DataView, at: number): Flow {
    return decodeFlow(this.#o.layout.decode(view, at), this.#context);
  }

  /** What is not decided yet may be wanted, of what comes: it is looked at again before it is told. */
  #matcher(query: FlowQuery, verb: 'list' | 'watch'): (view: DataView, at: number) => boolean {
    const { viewer } = query;
    const isWanted = wantedBy(query);
    const flow = new RecordFlow(this.#o.layout, this.#context);
    if (viewer !== undefined)
      return (view, at) => {
        const shown = viewer.see(verb, flow.to(view, at));
        return shown === 'undecided' ? verb === 'watch' : shown !== undefined && (isWanted?.(shown) ?? true);
      };
    return isWanted === undefined ? () => true : (view, at) => isWanted(flow.to(view, at));
  }

  #wanted({ filter = {}, about, since, until, viewer }: FlowQuery, matches: (view: DataView, at: number) => boolean) {
    const { toBoot } = this.#o.clock;
    return {
      since: since === undefined ? Number.NEGATIVE_INFINITY : toBoot(since),
      until: until === undefined ? Number.POSITIVE_INFINITY : toBoot(until),
      about: this.#about(about ?? namespacesOf(filter) ?? viewer?.namespaces('list')),
      matches,
    };
  }

  #about(namespaces: readonly string[] | undefined): Somebody | undefined {
    if (namespaces === undefined || namespaces.length === 0) return undefined;
    const wanted = new Set(namespaces);
    return this.#names.in((namespace) => wanted.has(namespace));
  }

  #viewOf(words: Uint32Array): DataView {
    if (this.#view?.words !== words)
      this.#view = { words, view: new DataView(words.buffer, words.byteOffset, words.byteLength) };
    return this.#view.view;
  }
}

function verbsOf({ last, first, since, until, follow }: FlowQuery): ('list' | 'watch')[] {
  const isStored = [last, first, since, until].some((bound) => bound !== undefined);
  return [
    ...(isStored || follow !== true ? (['list'] as const) : []),
    ...(follow === true ? (['watch'] as const) : []),
  ];
}

function wantedBy({ filter = {}, matches }: FlowQuery): ((flow: Flow) => boolean) | undefined {
  const filtered = compileFilter(filter);
  if (filtered === undefined) return matches;
  return matches === undefined ? filtered : (flow) => filtered(flow) && matches(flow);
}

function seen({ viewer }: FlowQuery, verb: 'list' | 'watch', flow: Flow): Flow | undefined {
  const shown = viewer === undefined ? flow : viewer.see(verb, flow);
  return shown === 'undecided' ? undefined : shown;
}

async function seenLive(
  viewer: Viewer,
  told: readonly FlowMessage[],
  isWanted: ((flow: Flow) => boolean) | undefined,
): Promise<FlowMessage[]> {
  await viewer.decide(
    'watch',
    told.flatMap((message) => (message.kind === 'flow' ? [message.flow] : [])),
  );
  return told.flatMap((message): FlowMessage[] => {
    if (message.kind === 'lost') return message.place === 'reader' || viewer.seesAll('watch') ? [message] : [];
    const shown = viewer.see('watch', message.flow);
    if (shown === undefined || shown === 'undecided' || !(isWanted?.(shown) ?? true)) return [];
    return [{ kind: 'flow', flow: shown }];
  });
}

/** Notes stand where they were lost: those of before a flow are taken out and put there. */
function withNotes(flows: readonly Flow[], notes: { time: number; count: number }[], clock: FlowClock): FlowMessage[] {
  return flows.flatMap((flow) => {
    const before = notes.filter(({ time }) => clock.toWall(time) < flow.time);
    notes.splice(0, before.length);
    return [
      ...before.map(({ count }): FlowMessage => ({ kind: 'lost', place: 'kernel', count })),
      { kind: 'flow', flow } as const,
    ];
  });
}
