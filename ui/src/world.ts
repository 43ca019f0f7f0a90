import { batch, effect, signal } from '@preact/signals';
import type { Counted, Edge, Inventory, Losses, PageMessage, Place, Row } from '../../src/ui/messages.ts';
import { address } from './address.ts';
import { select } from './selection.ts';
import { type Ending, follow } from './stream.ts';

/** More than anybody scrolls through; a filter or another time shows the rest. */
const MOST_ROWS = 5_000;
const MOST_MOMENTS = 900;

export type Tally = { readonly forwarded: number; readonly dropped: number };
export type Pair = Tally & { readonly from: Place; readonly to: Place };

const NOTHING: Inventory = { nodes: [], tenants: [], workloads: [], services: [], policies: 0 };

export const hello = signal<Extract<PageMessage, { kind: 'hello' }> | undefined>(undefined);
export const inventory = signal<Inventory>(NOTHING);
/** Newest first. */
export const rows = signal<readonly Row[]>([]);
export const pairs = signal<readonly Pair[]>([]);
/** Who is in any of them, sorted: changes seldom, where how much they talk always does. */
export const talking = signal<readonly string[]>([]);
/** Between pairs that are too many to be told apart. */
export const rest = signal<Tally>({ forwarded: 0, dropped: 0 });
export const moments = signal<ReadonlyMap<number, Tally>>(new Map());
export const counted = signal<Counted>({ listed: 0, unlisted: 0, muted: 0, unmatched: 0 });
export const lost = signal<Losses>({ kernel: 0, store: 0, reader: 0 });
/** Why nothing comes; undefined: it does. */
export const broken = signal<Ending | undefined>(undefined);
/** Of a past that is told: whether all of it is. */
export const past = signal<'all' | 'newest' | undefined>(undefined);
export const isLoading = signal(true);

let places: Place[] = [];
let edges = new Map<number, Pair>();
/** Of each of `talking`, in how many pairs. */
let talkers = new Map<string, number>();
let isTalkingNew = false;
const ID_BITS = 2 ** 20;

function reset(keepShown: boolean): void {
  places = [];
  forgetEdges();
  rows.value = [];
  rest.value = { forwarded: 0, dropped: 0 };
  if (!keepShown) {
    pairs.value = [];
    talking.value = [];
  }
  past.value = undefined;
  isLoading.value = true;
}

function take(messages: readonly PageMessage[]): void {
  batch(() => {
    const found: Row[] = [];
    let isNew = false;
    for (const message of messages) {
      switch (message.kind) {
        case 'hello':
          hello.value = message;
          break;
        case 'inventory':
          inventory.value = message.inventory;
          break;
        case 'totals':
          isNew = true;
          if (message.whole) forgetEdges();
          // Numbers of who was in none of them any more may be others' by now.
          for (const edge of message.edges) if (edge[2] + edge[3] === 0) endEdge(edge);
          for (const place of message.places) places[place.id] = place;
          for (const edge of message.edges) if (edge[2] + edge[3] > 0) putEdge(edge);
          if (message.moments.length > 0) addMoments(message.moments);
          rest.value = { forwarded: message.rest[0], dropped: message.rest[1] };
          break;
        case 'rows':
          found.push(...message.rows);
          break;
        case 'counted':
          counted.value = message.counted;
          lost.value = message.lost;
          isLoading.value = false;
          break;
        case 'end':
          past.value = message.more ? 'newest' : 'all';
          break;
        case 'alive':
        case 'error':
          break;
      }
    }
    if (found.length > 0) rows.value = newestFirst([...found.reverse(), ...rows.value]).slice(0, MOST_ROWS);
    if (!isNew) return;
    pairs.value = [...edges.values()];
    if (isTalkingNew) talking.value = [...talkers.keys()].sort();
    isTalkingNew = false;
  });
}

function forgetEdges(): void {
  edges = new Map();
  talkers = new Map();
  isTalkingNew = true;
}

function putEdge([fromId, toId, forwarded, dropped]: Edge): void {
  const key = fromId * ID_BITS + toId;
  const known = edges.get(key);
  const from = known?.from ?? places[fromId];
  const to = known?.to ?? places[toId];
  if (from === undefined || to === undefined) return;
  edges.set(key, { from, to, forwarded, dropped });
  if (known === undefined) for (const { key: name } of [from, to]) talk(name, 1);
}

function endEdge([fromId, toId]: Edge): void {
  const key = fromId * ID_BITS + toId;
  const known = edges.get(key);
  if (known === undefined) return;
  edges.delete(key);
  for (const { key: name } of [known.from, known.to]) talk(name, -1);
}

function talk(name: string, by: 1 | -1): void {
  const before = talkers.get(name) ?? 0;
  if (before + by > 0) talkers.set(name, before + by);
  else talkers.delete(name);
  if (before === 0 || before + by === 0) isTalkingNew = true;
}

/** Nodes are as late as they are: what comes of one may be older than what came of another. */
function newestFirst(all: readonly Row[]): readonly Row[] {
  const timeOf = ({ at, flow }: Row): number => at ?? flow.time;
  const isOrdered = all.every((row, i) => i === 0 || timeOf(row) <= timeOf(all[i - 1] ?? row));
  return isOrdered ? all : all.toSorted((a, b) => timeOf(b) - timeOf(a));
}

/** Those of a time that was looked at before stay: the line goes on where it is. */
function addMoments(told: readonly (readonly [number, number, number])[]): void {
  const next = new Map(moments.value);
  for (const [second, forwarded, dropped] of told) next.set(second, { forwarded, dropped });
  if (next.size > 2 * MOST_MOMENTS) {
    for (const second of [...next.keys()].sort((a, b) => a - b).slice(0, next.size - MOST_MOMENTS)) next.delete(second);
  }
  moments.value = next;
}

/** What of the address makes another stream of it. */
const asked = (): string => {
  const { query, mutes, windowS, until } = address.value;
  return JSON.stringify([query, mutes, windowS, until, asks.value]);
};

/** What was shown is not for who looks now: nothing of it stays. */
export function forget(): void {
  batch(() => {
    hello.value = undefined;
    inventory.value = NOTHING;
    moments.value = new Map();
    counted.value = { listed: 0, unlisted: 0, muted: 0, unmatched: 0 };
    lost.value = { kernel: 0, store: 0, reader: 0 };
    reset(false);
    select(undefined);
  });
}

/** Whoever looks is another, or has lost what he was shown by. */
const REFUSED: ReadonlySet<string> = new Set(['E_UI_LOGIN', 'E_HUBBLE_NOBODY', 'E_HUBBLE_FORBIDDEN']);

/** Counts how often it was asked anew, whatever the address. */
const asks = signal(0);
export function again(): void {
  asks.value += 1;
}

let questioned = '';
let reading = new AbortController();
effect(() => {
  const now = asked();
  if (now === questioned) return;
  const [queryNow, mutesNow] = JSON.parse(now) as unknown[];
  const [queryThen, mutesThen] = questioned === '' ? [] : (JSON.parse(questioned) as unknown[]);
  // How many came in each second is another number by another filter.
  const isOther = JSON.stringify([queryNow, mutesNow]) !== JSON.stringify([queryThen, mutesThen]);
  questioned = now;
  reading.abort();
  reading = new AbortController();
  const { signal: ending } = reading;
  if (isOther) moments.value = new Map();
  reset(true);
  const events = {
    begin: () => {
      // What a stream showed that broke may not be his by now.
      if (broken.peek() !== undefined && hello.peek()?.hasLogin === true) forget();
      else reset(true);
      broken.value = undefined;
    },
    messages: take,
    broken: (why: Ending) => {
      if (ending.aborted) return;
      if (REFUSED.has(why.code)) forget();
      broken.value = why;
    },
  };
  void follow(address.peek(), events, ending);
});
