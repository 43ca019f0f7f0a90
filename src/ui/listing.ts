import type { Flow } from '../model/index.ts';
import type { Counted, PlaceKey, Row } from './messages.ts';

export type ListingLimits = {
  /** Forwarded flows a take; the newest. */
  readonly forwarded: number;
  /** Kinds of drops a take that are told apart by ports; of more those between the same two are one, of as many pairs again. */
  readonly kinds: number;
};

type Pending = { flow: Flow; from: PlaceKey; to: PlaceKey; count: number; first: number; mixed: boolean };

/**
 * What a table shows of flows that come faster than anybody reads: every drop, those that repeat as one with their number; of
 * forwarded flows the newest. What is not shown is counted, so that nothing is missing without a word. Bounded, however
 * long nobody takes.
 */
export class Listing {
  #limits: ListingLimits;
  readonly #drops = new Map<string, Pending>();
  #forwarded: Omit<Pending, 'count' | 'first' | 'mixed'>[] = [];
  #next = 0;
  #listed = 0;
  #unlisted = 0;
  #muted = 0;
  #unmatched = 0;

  constructor(limits: ListingLimits) {
    this.#limits = limits;
  }

  get counted(): Counted {
    const { forwarded } = this.#limits;
    // Those that wait are listed or not when they are taken.
    const over = Math.max(0, this.#forwarded.length - forwarded);
    return {
      listed: this.#listed + this.#forwarded.length - over,
      unlisted: this.#unlisted + over,
      muted: this.#muted,
      unmatched: this.#unmatched,
    };
  }

  /** From now on. */
  limit(limits: ListingLimits): void {
    this.#limits = limits;
  }

  mute(): void {
    this.#muted += 1;
  }

  pass(): void {
    this.#unmatched += 1;
  }

  push(flow: Flow, from: PlaceKey, to: PlaceKey): void {
    if (flow.verdict === 'dropped') this.#drop(flow, from, to);
    else {
      const { forwarded } = this.#limits;
      this.#forwarded.push({ flow, from, to });
      if (this.#forwarded.length < 2 * forwarded + 64) return;
      this.#unlisted += this.#forwarded.length - forwarded;
      this.#forwarded = this.#forwarded.slice(-forwarded);
    }
  }

  /** What is new, in the order of time. `now`: what is later than that is told of as of then. */
  take(now: number): Row[] {
    const { forwarded } = this.#limits;
    const over = Math.max(0, this.#forwarded.length - forwarded);
    this.#unlisted += over;
    const drops = [...this.#drops.values()].map(({ count, first, mixed, ...rest }) => ({
      ...rest,
      ...(count > 1 ? { count, first } : {}),
      ...(mixed ? { mixed } : {}),
    }));
    const kept = over > 0 ? this.#forwarded.slice(over) : this.#forwarded;
    this.#listed += kept.length;
    const timeOf = ({ flow }: { readonly flow: Flow }): number => Math.min(now, flow.time);
    const rows = [...kept, ...drops].sort((a, b) => timeOf(a) - timeOf(b));
    this.#forwarded = [];
    this.#drops.clear();
    return rows.map((row) => ({ id: this.#next++, ...(row.flow.time > now ? { at: now } : {}), ...row }));
  }

  #drop(flow: Flow, from: PlaceKey, to: PlaceKey): void {
    this.#listed += 1;
    if (this.#repeats(kindKey(flow), flow, false)) return;
    if (this.#drops.size < this.#limits.kinds) this.#drops.set(kindKey(flow), pendingOf(flow, from, to));
    else if (!this.#repeats(pairKey(flow, from, to), flow, true)) {
      // Beyond that drops are told apart by their reason alone.
      const isFull = this.#drops.size >= 2 * this.#limits.kinds;
      const key = isFull ? `reason ${flow.dropReason ?? ''}` : pairKey(flow, from, to);
      if (!this.#repeats(key, flow, true)) this.#drops.set(key, pendingOf(flow, from, to));
    }
  }

  #repeats(key: string, flow: Flow, mixed: boolean): boolean {
    const known = this.#drops.get(key);
    if (known === undefined) return false;
    known.count += 1;
    known.mixed ||= mixed;
    if (flow.time >= known.flow.time) known.flow = flow;
    else known.first = Math.min(known.first, flow.time);
    return true;
  }
}

const pendingOf = (flow: Flow, from: PlaceKey, to: PlaceKey): Pending => ({
  flow,
  from,
  to,
  count: 1,
  first: flow.time,
  mixed: false,
});

const pairKey = ({ node, dropReason, direction }: Flow, from: PlaceKey, to: PlaceKey): string =>
  `pair ${JSON.stringify([node, from, to, dropReason, direction])}`;

function kindKey({ node, source, destination, protocol, dropReason, direction, hook, isReply, denial }: Flow): string {
  const why = [denial?.by, denial?.policies, denial?.nearestMiss?.wants];
  const ends = [source.addr, source.identity, destination.addr, destination.port, destination.identity];
  return `kind ${JSON.stringify([node, ends, source.pod, destination.pod, protocol, dropReason, direction, hook, isReply, why])}`;
}
