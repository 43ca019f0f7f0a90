import { expect, it } from 'vitest';
import type { Finding } from '../../api/index.ts';
import type { FilterChain } from '../../datapath/index.ts';
import type { PodRow } from '../../kube/index.ts';
import { judgeMaps } from './judge-maps.ts';
import { judgePods } from './judge-pods.ts';
import { judgeProxy } from './judge-proxy.ts';
import { judgeSockets, type SocketFacts } from './judge-sockets.ts';

/** What is not fine; each has a remedy. */
function bad(findings: readonly Finding[]): string[] {
  const found = findings.filter(({ severity }) => severity !== 'ok');
  expect(found.every(({ remedy }) => remedy !== undefined)).toBe(true);
  return found.map(({ severity, check, evidence }) => `${severity} ${check}: ${evidence}`);
}

it.each<[string, boolean, number, string[]]>([
  ['nearly empty', false, 1, []],
  ['below the limit', false, 799, []],
  ['at the limit', false, 800, ['warning maps: m holds 800 of 1000 entries (80 %)']],
  ['at the upper limit', false, 950, ['critical maps: m holds 950 of 1000 entries (95 %)']],
  ['least recently used goes', true, 1000, ['info maps: m holds 1000 of 1000 entries (100 %)']],
])('map fill: %s', (_, isLru, entries, expected) => {
  const maps = [
    { name: 'm', isLru, entries, maxEntries: 1000 },
    { name: 'n', isLru: false, entries: 0, maxEntries: 1 },
  ];
  expect(bad(judgeMaps(maps))).toEqual(expected);
});

it('says which maps are the fullest', () => {
  const fills = [10, 70, 30, 20].map((entries, i) => ({ name: `m${i}`, isLru: false, entries, maxEntries: 100 }));
  expect(judgeMaps(fills)).toEqual([
    { severity: 'ok', check: 'maps', evidence: 'the fullest of 4: m1 70 %, m2 30 %, m3 20 %' },
  ]);
});

const chain = (name: string, table = 'nat'): FilterChain => ({ engine: 'nft', family: 'ip', table, chain: name });

it.each<[string, FilterChain[], RegExp | undefined]>([
  [
    'kube-proxy in iptables mode',
    [chain('KUBE-SERVICES')],
    /^warning kube-proxy chains: 1 chains in nft ip nat: KUBE-SERVICES/,
  ],
  ['kube-proxy in nftables mode', [chain('services', 'kube-proxy')], /^warning .*nft ip kube-proxy: services/],
  ['more than fit a line', Array.from({ length: 30 }, (_, i) => chain(`KUBE-SVC-${i}`)), /KUBE-SVC-9 and 20 more;/],
  ['kubelet', [chain('KUBE-KUBELET-CANARY'), chain('KUBE-FIREWALL')], undefined],
  ['somebody else', [chain('DOCKER'), chain('input', 'filter')], undefined],
])('chains of %s', (_, chains, expected) => {
  const found = bad(judgeProxy({ chains, ipvs: 0, processes: [] }));
  expect(found).toEqual(expected === undefined ? [] : [expect.stringMatching(expected)]);
});

it('virtual servers and a kube-proxy that runs', () => {
  expect(bad(judgeProxy({ chains: [], ipvs: 3, processes: [42] }))).toEqual([
    'warning IPVS: 3 virtual servers',
    'warning kube-proxy: runs here: process 42',
  ]);
});

it('pods that may more than others, the finished ones left out', () => {
  const pod = (name: string, rest: Partial<PodRow>): PodRow => ({
    uid: name,
    namespace: 'a',
    name,
    labels: {},
    serviceAccount: 'default',
    nodeName: 'n',
    hostNetwork: false,
    privileged: false,
    netRaw: false,
    podIPs: [],
    hostIP: '',
    namedPorts: [],
    phase: 'Running',
    ...rest,
  });
  expect(bad(judgePods([pod('x', {}), pod('done', { privileged: true, phase: 'Failed' })]))).toEqual([]);
  const mighty = pod('mighty', { privileged: true, netRaw: true });
  expect(bad(judgePods([pod('x', { netRaw: true }), mighty, pod('host', { hostNetwork: true })]))).toEqual([
    'warning privileged: 1 of 3 pods may change the node, and Membrane with it: a/mighty',
    'warning host network: 1 of 3 pods have no device of their own: a/host',
    'info CAP_NET_RAW: 2 of 3 pods may write packets by hand, which only their devices check: a/mighty, a/x',
  ]);
});

const steered = (rest: object): SocketFacts => ({
  state: 'steered',
  cgroup: '/c',
  attached: true,
  pinned: new Set([1]),
  programs: new Map([['connect4', [{ id: 1, name: 'connect4' }]]]),
  ...rest,
});

it.each<[string, SocketFacts, string[]]>([
  ['off', { state: 'off' }, []],
  ['ours alone', steered({}), []],
  [
    'no cgroup',
    { state: 'none' },
    [
      'warning socket hooks: services are on, and no cgroup is steered: processes of the node reach none by its address',
    ],
  ],
  [
    'detached',
    steered({ attached: false }),
    ['warning socket hooks: a program of ours is missing at /c: it was detached, or the cgroup was made anew'],
  ],
  [
    'a foreign one besides',
    steered({
      programs: new Map([
        [
          'connect4',
          [
            { id: 1, name: 'connect4' },
            { id: 5, name: 'spy' },
          ],
        ],
      ]),
    }),
    ['warning socket hooks: foreign programs see the same sockets at or above /c: connect4 5 (spy)'],
  ],
])('socket hooks: %s', (_, facts, expected) => {
  expect(bad(judgeSockets(facts))).toEqual(expected);
});
