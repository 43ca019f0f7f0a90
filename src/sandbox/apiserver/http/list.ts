import { ApiError, badRequest, continueExpired, goneTooOld, tooLargeResourceVersion } from '../status.ts';
import type { Stored } from '../storage/stored.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { Selection } from '../store/selection.ts';
import type { ListMetadata } from './present.ts';

export type ListPage = { readonly items: readonly Stored[]; readonly metadata: ListMetadata };

/** Snapshots that paged lists go on with; an older one is answered with 410, as after a compaction. */
const MAX_SNAPSHOTS = 32;

type Snapshot = { readonly items: readonly Stored[]; readonly resourceVersion: string };
type Token = { readonly snapshot: string; readonly offset: number };

/** Lists, whole or in pages. All pages of one list show the same moment. */
export class Lister {
  readonly #store: ApiStore;
  readonly #snapshots = new Map<string, Snapshot>();
  #next = 1;

  constructor(store: ApiStore) {
    this.#store = store;
  }

  list(selection: Selection, query: URLSearchParams): ListPage {
    const limit = numberOf(query.get('limit'), 'limit');
    const token = query.get('continue');
    if (token !== null && token !== '') return this.#page(selection, parseToken(token), limit);
    this.#checkVersion(query);
    const items = this.#store.select(selection);
    const { resourceVersion } = this.#store;
    if (limit === 0 || items.length <= limit) return { items, metadata: { resourceVersion } };
    const id = `${process.pid}-${this.#next++}`;
    this.#snapshots.set(id, { items, resourceVersion });
    for (const old of this.#snapshots.keys()) {
      if (this.#snapshots.size <= MAX_SNAPSHOTS) break;
      this.#snapshots.delete(old);
    }
    return this.#page(selection, { snapshot: id, offset: 0 }, limit);
  }

  #page(selection: Selection, token: Token, limit: number): ListPage {
    const snapshot = this.#snapshots.get(token.snapshot);
    if (snapshot === undefined) throw continueExpired();
    const end = limit === 0 ? snapshot.items.length : token.offset + limit;
    const items = snapshot.items.slice(token.offset, end);
    const remaining = snapshot.items.length - end;
    const metadata: ListMetadata = { resourceVersion: snapshot.resourceVersion };
    if (remaining > 0) {
      metadata.continue = Buffer.from(JSON.stringify({ snapshot: token.snapshot, offset: end })).toString('base64url');
      if (selection.everything) metadata.remainingItemCount = remaining;
    }
    return { items, metadata };
  }

  #checkVersion(query: URLSearchParams): void {
    const asked = numberOf(query.get('resourceVersion'), 'resourceVersion');
    const current = this.#store.storage.revision;
    if (asked > current) throw tooLargeResourceVersion(asked, current);
    if (query.get('resourceVersionMatch') === 'Exact' && asked !== current) throw goneTooOld(asked, current);
  }
}

/** A query parameter that is a count; 0 when it is absent. */
export function numberOf(text: string | null, name: string): number {
  if (text === null || text === '') return 0;
  if (!/^\d{1,15}$/.test(text)) {
    throw new ApiError(
      400,
      'BadRequest',
      `${name}: Invalid value: ${JSON.stringify(text.slice(0, 64))}: must be a non-negative integer`,
    );
  }
  return Number(text);
}

function parseToken(text: string): Token {
  try {
    const { snapshot, offset } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Token;
    if (typeof snapshot === 'string' && Number.isSafeInteger(offset) && offset >= 0) return { snapshot, offset };
  } catch {
    // Answered below.
  }
  throw badRequest('continue key is not valid: it was not made by this server');
}
