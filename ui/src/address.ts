import { signal } from '@preact/signals';
import { parseQuery, termText } from '../../src/ui/query.ts';

export const VIEWS = ['map', 'flows', 'services', 'tenants'] as const;
export type View = (typeof VIEWS)[number];
export const WINDOWS_S = [60, 300, 900] as const;

/** What is looked at: all of it is in the address, so that it can be sent to somebody. */
export type Address = {
  readonly view: View;
  readonly query: string;
  readonly mutes: readonly string[];
  readonly windowS: number;
  /** ms; undefined: now. */
  readonly until: number | undefined;
  /** A place on the map. */
  readonly place: string | undefined;
  /** A cell of the matrix: `from~to`. */
  readonly pair: string | undefined;
};

export const address = signal<Address>(read());
addEventListener('popstate', () => {
  address.value = read();
});

/** `replace`: no step that anybody would go back to. */
export function go(change: Partial<Address>, { replace = false } = {}): void {
  const next = { ...address.value, ...change };
  const url = urlOf(next);
  if (url === location.pathname + location.search) return;
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  address.value = next;
}

/** One more term that must hold. */
export function narrow(...terms: readonly string[]): void {
  const { query } = address.value;
  const { alternatives } = parseQuery(query);
  const there = new Set(alternatives.flat().map(termText));
  const added = terms.filter((term) => !there.has(term));
  // An alternative would take only the last part of what there is.
  const isCompound = alternatives.length > 1;
  go({ query: [...(isCompound ? [] : [query]), ...added].join(' ').trim() });
}

export function mute(terms: readonly string[]): void {
  const text = terms.join(' ');
  const { mutes } = address.value;
  if (!mutes.includes(text)) go({ mutes: [...mutes, text] });
}

function read(): Address {
  const params = new URLSearchParams(location.search);
  const until = Number(params.get('until') ?? '');
  const windowS = Number(params.get('window'));
  return {
    view: VIEWS.find((view) => view === params.get('view')) ?? 'map',
    query: params.get('q') ?? '',
    mutes: params.getAll('mute'),
    windowS: WINDOWS_S.find((window) => window === windowS) ?? WINDOWS_S[0],
    until: Number.isFinite(until) && until > 0 ? until : undefined,
    place: params.get('place') ?? undefined,
    pair: params.get('pair') ?? undefined,
  };
}

function urlOf({ view, query, mutes, windowS, until, place, pair }: Address): string {
  const params = new URLSearchParams();
  if (view !== 'map') params.set('view', view);
  if (query !== '') params.set('q', query);
  for (const text of mutes) params.append('mute', text);
  if (windowS !== WINDOWS_S[0]) params.set('window', String(windowS));
  if (until !== undefined) params.set('until', String(until));
  if (place !== undefined) params.set('place', place);
  if (pair !== undefined) params.set('pair', pair);
  const text = params.toString();
  return location.pathname + (text === '' ? '' : `?${text}`);
}
