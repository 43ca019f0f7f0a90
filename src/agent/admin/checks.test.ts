import { describe, expect, it } from 'vitest';
import { namespacedName } from '../../base/index.ts';
import { agentChecks, type ChecksContext } from './checks.ts';

const calm = { problems: [], fine: 'fine' };

/** An agent at which nothing is wrong. */
const WELL: ChecksContext = {
  config: { routing: 'tunnel' },
  reflection: { status: () => [], server: 'https://192.0.2.1:6443', clock: calm },
  engine: { problem: undefined },
  services: undefined,
  installer: { entries: () => new Map().entries(), rows: 3, peers: 2, building: 1 },
  book: { unplaced: 0, size: 7 },
  elsewhere: { disbelieved: new Map() },
  rangeProblems: { found: new Map() },
  ownNode: { problems: [] },
  ways: () => undefined,
  teller: { problem: undefined, slices: 1 },
  receipt: { problem: undefined },
  identities: { waiting: [] },
  allocator: { doubts: () => [] },
  policies: { problems: new Map(), staged: { policies: new Map(), entries: [] } },
  floor: { differences: () => [], whole: { tenants: new Map() } },
  shares: { size: 0 },
  watch: { standing: calm, untold: undefined },
  flowExport: () => calm,
  switchover: { waits: undefined },
  health: { standing: [] },
  closed: { problems: [] },
  state: { problems: new Map() },
  endpoints: { values: () => [], ageOf: () => 0 },
} as unknown as ChecksContext;

/** Those that fail, with what they say. */
const failing = (changed: Partial<Record<keyof ChecksContext, unknown>>, foreign: string[] = []): string[] =>
  agentChecks({ ...WELL, ...changed } as ChecksContext, foreign).flatMap(({ name, ok, detail }) =>
    ok ? [] : [`${name}: ${detail}`],
  );

const services = (refused: readonly string[], problem?: string): unknown => ({
  engine: { problem, refused: new Map(refused.map((why, i) => [namespacedName({ name: `s${i}` }), why])) },
  installer: { counts: { frontends: 1, backends: 2 } },
});

describe('agentChecks', () => {
  it('names each part of an agent once, and says what there is', () => {
    const checks = agentChecks(WELL, []);
    expect(failing({})).toEqual([]);
    expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
    expect(checks.find(({ name }) => name === 'policy tables')?.detail).toBe('3 rows and 2 peers in use, 1 being made');
  });

  it.each<[string, Partial<Record<keyof ChecksContext, unknown>>, RegExp]>([
    ['decisions that do not arrive', { engine: { problem: 'no memory' } }, /^engine: no memory$/],
    ['a full ipcache', { book: { unplaced: 2, size: 9 } }, /^addresses: 2 of 9 .* raise maps\.ipcache$/],
    ['ways that are missing', { ways: () => 'no route' }, /^routing: no route$/],
    ['a node that nobody hears', { teller: { problem: 'forbidden', slices: 0 } }, /^told: forbidden$/],
    ['numbers that nobody takes back', { receipt: { problem: 'gone' } }, /^identities: .*gone$/],
    ['a proof that the cluster is not told of', { watch: { standing: calm, untold: 'x' } }, /^proof: .*not told.*x$/],
    ['programs that wait', { switchover: { waits: 'for a pass' } }, /^datapath: for a pass$/],
    ['records that cannot be read', { state: { problems: new Map([['a', 'torn']]) } }, /^records: torn$/],
  ])('tells of %s', (_, changed, text) => {
    expect(failing(changed)).toEqual([expect.stringMatching(text)]);
  });

  it('names five services, and how many more', () => {
    const refused = Array.from({ length: 7 }, (_, i) => `no room for ${i}`);
    expect(failing({ services: services(refused, 'the map is gone') })).toEqual([
      'services: the map is gone; no room for 0; no room for 1; no room for 2; no room for 3; no room for 4; and 2 more services',
    ]);
    expect(failing({ services: services([]) })).toEqual([]);
  });

  it('tells of what somebody else wrote among what tenants share', () => {
    expect(failing({}, ['a row of nobody'])).toEqual(['tenants: a row of nobody']);
  });
});
