import type { Stored, StoredEvent } from '../storage/stored.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { Selection } from '../store/selection.ts';
import type { Exchange } from './exchange.ts';
import { numberOf } from './list.ts';
import type { Form } from './negotiate.ts';
import { EventPresenter } from './present.ts';

/** A watcher that reads slower than this much behind is cut off; it lists again. */
const MAX_BUFFERED_BYTES = 32 * 1024 * 1024;
const BOOKMARK_INTERVAL_MS = 60_000;
/** Without `timeoutSeconds`, as long as the real server lets a watch live at least. */
const DEFAULT_TIMEOUT_SECONDS = 1_800;

export type WatchContext = {
  readonly store: ApiStore;
  readonly selection: Selection;
  readonly form: Form;
  readonly now: () => number;
  /** Aborted when the server closes. */
  readonly signal: AbortSignal;
};

/** Streams the changes of a selection as lines until the client leaves, the time is over or the server closes. */
export function streamWatch(exchange: Exchange, context: WatchContext): void {
  const { query, response } = exchange;
  const { store, selection } = context;
  const bookmarks = query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1';
  const initialEvents = query.get('sendInitialEvents') === 'true';
  const asked = query.get('resourceVersion') ?? '';
  const revision = numberOf(asked, 'resourceVersion');
  const replayAll = initialEvents || (revision === 0 && query.get('sendInitialEvents') !== 'false');
  const presenter = new EventPresenter(selection.definition, context.form, context.now);

  // Before the headers: a revision that is too old is an ordinary 410 answer.
  const early: StoredEvent[] = [];
  let sink = (event: StoredEvent): void => {
    early.push(event);
  };
  const initial = replayAll ? store.select(selection) : [];
  const from = replayAll || revision === 0 ? store.storage.revision : revision;
  const unsubscribe = store.subscribe(selection.definition, from, (event) => sink(event));

  let pending: (string | Buffer)[] = [];
  let scheduled = false;
  let ended = false;
  const flush = (): void => {
    scheduled = false;
    if (ended || pending.length === 0) return;
    const chunk =
      pending.length === 1
        ? (pending[0] ?? '')
        : Buffer.concat(pending.map((p) => (typeof p === 'string' ? Buffer.from(p) : p)));
    pending = [];
    response.write(chunk);
    if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
  };
  // Changes of one turn of the event loop leave in one write.
  const write = (line: string | Buffer): void => {
    pending.push(line);
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  const bookmark = (initialEventsEnd: boolean): void =>
    write(presenter.bookmark(store.resourceVersion, initialEventsEnd));
  const end = (): void => {
    if (ended) return;
    if (bookmarks && !response.destroyed) bookmark(false);
    flush();
    ended = true;
    unsubscribe();
    clearTimeout(timeout);
    clearInterval(ticker);
    context.signal.removeEventListener('abort', end);
    response.end();
  };
  const seconds = numberOf(query.get('timeoutSeconds'), 'timeoutSeconds') || DEFAULT_TIMEOUT_SECONDS;
  const timeout = setTimeout(end, Math.min(seconds * 1_000, 2 ** 31 - 1));
  const ticker = setInterval(() => {
    if (bookmarks) bookmark(false);
  }, BOOKMARK_INTERVAL_MS);
  timeout.unref();
  ticker.unref();
  context.signal.addEventListener('abort', end, { once: true });
  response.on('close', end);

  response.writeHead(200, { ...exchange.headers('application/json'), 'Transfer-Encoding': 'chunked' });
  response.flushHeaders();
  const tell = async (): Promise<void> => {
    if (!(await writeInitial(response, initial, presenter)) || ended) return;
    if (initialEvents && bookmarks) bookmark(true);
    sink = (event) => {
      const type = selection.eventType(event);
      if (type !== undefined) write(presenter.change(type, event));
    };
    for (const event of early) sink(event);
  };
  void tell();
}

/** As fast as the client reads: what there is may be more than is kept for a slow one. False: it left. */
async function writeInitial(
  response: Exchange['response'],
  initial: readonly Stored[],
  presenter: EventPresenter,
): Promise<boolean> {
  for (const stored of initial) {
    if (response.destroyed || response.writableEnded) return false;
    if (response.write(presenter.initial(stored))) continue;
    const { promise, resolve } = Promise.withResolvers<void>();
    response.once('drain', resolve).once('close', resolve);
    await promise;
    response.off('drain', resolve).off('close', resolve);
  }
  return !response.destroyed && !response.writableEnded;
}
