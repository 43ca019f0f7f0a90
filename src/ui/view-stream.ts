import { type Signal, systemClock } from '../base/index.ts';
import { noLoss } from './flow-feed.ts';
import { flowTest } from './flow-match.ts';
import { Listing } from './listing.ts';
import type { PageMessage } from './messages.ts';
import { placeOf } from './place.ts';
import type { Query } from './query.ts';
import type { FlowListener, Reading } from './reading.ts';
import { FlowTotals } from './totals.ts';

/** A page draws no more often than anybody sees. */
const TICK_MS = 250;
const LIMITS = { forwarded: 50, kinds: 100 };
/** What a table of the past, or one that just opened and is told of what is kept, begins with. */
const FIRST_TICKS = 4;
const FIRST_LIMITS = { forwarded: 1_000, kinds: 1_000 };

export type ViewRequest = {
  readonly query: Query;
  /** A flow that matches any of them is counted and not shown. */
  readonly mutes: readonly Query[];
  readonly windowS: number;
  /** ms since the epoch: the window that ends there, out of what agents keep. Undefined: now, and on. */
  readonly until: number | undefined;
};

export type ViewOptions = {
  readonly reading: Reading;
  readonly version: string;
  /** Whoever looks has to say who he is. */
  readonly hasLogin: boolean;
};

export type ViewEndings = {
  /** Nobody reads any more. */
  readonly leaving: AbortSignal;
  /** He has to go, and is told why. */
  readonly dismissed: AbortSignal;
};

/** What one page is told, from the beginning to when it goes away. What a slow page does not take is summed up, not kept. */
export async function* viewStream(
  { reading, version, hasLogin }: ViewOptions,
  { query, mutes, windowS, until }: ViewRequest,
  { leaving, dismissed }: ViewEndings,
): AsyncGenerator<readonly PageMessage[]> {
  const { inventory, who } = reading;
  const over = new AbortController();
  const ending = AbortSignal.any([leaving, dismissed, over.signal]);
  const matches = flowTest(query);
  const muted = mutes.map(flowTest);
  const nowOf = (): number => until ?? systemClock.now();
  const totals = new FlowTotals(windowS, nowOf);
  const lost = noLoss();
  const listing = new Listing(FIRST_LIMITS);
  const listener: FlowListener = {
    flow: (flow) => {
      if (!matches(flow)) listing.pass();
      else if (muted.some((test) => test(flow))) listing.mute();
      else {
        const from = placeOf(flow.source);
        const to = placeOf(flow.destination);
        // A line of the map leads from whoever opened, also of what is told by an answer.
        if (flow.isReply) totals.push(flow, to, from);
        else totals.push(flow, from, to);
        listing.push(flow, from, to);
      }
    },
    lost: (place, count) => {
      lost[place] += count;
    },
    ended: (why) => over.abort(why),
  };
  let restBefore = '';
  const state = (): PageMessage[] => {
    const rows = listing.take(nowOf());
    const taken = totals.take();
    const rest = taken.rest.join(' ');
    const isNew = taken.whole || taken.edges.length > 0 || taken.moments.length > 0 || rest !== restBefore;
    restBefore = rest;
    return [
      ...(isNew ? [{ kind: 'totals' as const, ...taken }] : []),
      ...(rows.length === 0 ? [] : [{ kind: 'rows' as const, rows }]),
      { kind: 'counted' as const, counted: listing.counted, lost: { ...lost } },
    ];
  };
  const endWatch = inventory.watch();
  const news = new News(inventory.changed);
  const ends = [endWatch, () => news.end()];
  try {
    await inventory.look();
    const now = systemClock.now();
    yield [{ kind: 'hello', version, cluster: inventory.cluster, who, hasLogin, now }];
    yield [{ kind: 'inventory', inventory: inventory.now }];
    if (until !== undefined) {
      const more = await reading.past({ since: until - windowS * 1_000, until, signal: ending }, listener);
      yield [...state(), { kind: 'end', more }];
      return;
    }
    ends.push(reading.live(listener));
    let before = '';
    for (let tick = 0; !ending.aborted; tick += 1) {
      if (tick === FIRST_TICKS) listing.limit(LIMITS);
      const messages = state();
      if (news.take()) messages.push({ kind: 'inventory', inventory: inventory.now });
      // Nothing new: a quiet cluster sends nothing but a sign of life.
      const text = messages.length === 1 ? JSON.stringify(messages) : '';
      if (text === '' || text !== before) yield messages;
      before = text;
      await systemClock.sleep(TICK_MS, ending).catch(() => undefined);
    }
    if (leaving.aborted) return;
    dismissed.throwIfAborted();
    over.signal.throwIfAborted();
  } finally {
    for (const end of ends) end();
  }
}

class News {
  readonly #signal: Signal;
  #isNew = false;
  readonly #note = (): void => {
    this.#isNew = true;
  };

  constructor(signal: Signal) {
    this.#signal = signal;
    signal.listen(this.#note);
  }

  take(): boolean {
    const isNew = this.#isNew;
    this.#isNew = false;
    return isNew;
  }

  end(): void {
    this.#signal.unlisten(this.#note);
  }
}
