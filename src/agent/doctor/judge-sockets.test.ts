import { expect, it } from 'vitest';
import { judgeSockets, type SocketFacts } from './judge-sockets.ts';
import { bad } from './samples.ts';

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
