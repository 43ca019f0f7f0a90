import { namespacedName } from '../../base/index.ts';
import type { EndpointState } from '../../endpoint/index.ts';
import type { Endpoint } from '../../plane/index.ts';

/** Longer than any pod is on its way where nothing is wrong, also on a machine under load. */
const ON_ITS_WAY_MS = 30_000;
/** Named in one line of `membrane status`. */
const MOST_NAMED = 5;

/** States that pass by themselves, and what is said of them meanwhile. */
const PASSING: Partial<Record<EndpointState, string>> = {
  creating: 'starting',
  'waiting-for-identity': 'starting',
  disconnecting: 'going',
};

/** Endpoints that are not enforced as they should be; one that is on its way is no problem before it takes too long. */
export function endpointProgress(
  endpoints: readonly Endpoint[],
  ageOf: (endpoint: Endpoint) => number,
): { readonly problems: readonly string[]; readonly fine: string } {
  const passing = new Map<string, number>();
  const problems: string[] = [];
  for (const endpoint of endpoints) {
    const { record, state, detail } = endpoint;
    if (state === 'ready') continue;
    const word = PASSING[state];
    const age = ageOf(endpoint);
    if (word !== undefined && age < ON_ITS_WAY_MS) {
      passing.set(word, (passing.get(word) ?? 0) + 1);
      continue;
    }
    const why = detail === undefined ? '' : `: ${detail}`;
    problems.push(`${namespacedName(record.pod)} is ${state} for ${Math.floor(age / 1_000)} s${why}`);
  }
  const more = problems.length - MOST_NAMED;
  const counts = Array.from(passing, ([word, count]) => `${count} ${word}`);
  return {
    problems: more > 0 ? [...problems.slice(0, MOST_NAMED), `and ${more} more`] : problems,
    fine: counts.length === 0 ? 'all are enforced' : ['all others are enforced', ...counts].join(', '),
  };
}
