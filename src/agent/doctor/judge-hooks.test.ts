import { describe, expect, it } from 'vitest';
import { type HookPlace, judgeHooks, type OlderPlace } from './judge-hooks.ts';

const ours = { id: 1, name: 'from_pod' };
const foreign = { id: 9, name: 'spy' };
const unpinned = { id: 8, name: 'from_pod' };
const at = (isPod: boolean, ...programs: HookPlace['programs']): HookPlace => ({
  place: 'ingress of X',
  isPod,
  isOurs: true,
  programs,
});
const older = (isPod: boolean, rest: Partial<OlderPlace>): OlderPlace => ({
  place: 'X',
  isPod,
  xdp: [],
  filters: [],
  ...rest,
});

function judged(tcx: HookPlace[], others: OlderPlace[] = []): string[] {
  const findings = judgeHooks({ pinned: new Set([1, 2]), tcx, older: others });
  return findings.map(({ severity, evidence }) => `${severity} ${evidence}`);
}

describe('programs at tcx', () => {
  it.each<[string, HookPlace, string[]]>([
    ['ours alone', at(true, ours), ['ok only our own, pinned programs at 1 hooks']],
    ['before ours', at(true, foreign, ours), ['critical foreign program 9 (spy) runs before ours at ingress of X']],
    ['after ours', at(true, ours, foreign), ['warning foreign program 9 (spy) runs after ours at ingress of X']],
    [
      'before ours at the uplink',
      at(false, foreign, ours),
      ['warning foreign program 9 (spy) runs before ours at ingress of X'],
    ],
    [
      'of ours without a pin',
      at(true, ours, unpinned),
      ['warning unpinned program 8 (from_pod) runs after ours at ingress of X'],
    ],
    [
      'without a name',
      at(true, ours, { id: 7, name: '' }),
      ['warning foreign program 7 runs after ours at ingress of X'],
    ],
    ['none', at(true), ['critical no program of ours is pinned at ingress of X: nothing is judged there']],
    [
      'only ours without a pin',
      at(true, unpinned),
      [
        'critical no program of ours is pinned at ingress of X: nothing is judged there',
        'warning unpinned program 8 (from_pod) runs at ingress of X',
      ],
    ],
    ['none where none belongs', { ...at(false), isOurs: false }, ['ok only our own, pinned programs at 1 hooks']],
  ])('%s', (_, place, expected) => {
    expect(judged([place])).toEqual(expected);
  });
});

describe('programs of older kinds', () => {
  it.each<[string, OlderPlace, string[]]>([
    ['XDP at a pod', older(true, { xdp: [5] }), ['critical foreign XDP program 5 runs before ours at X']],
    ['XDP at the uplink', older(false, { xdp: [5] }), ['warning foreign XDP program 5 runs before ours at X']],
    ['XDP of ours', older(false, { xdp: [2] }), ['ok only our own, pinned programs at 1 hooks']],
    [
      'filters',
      older(true, { filters: ['ingress u32', 'egress bpf x'] }),
      ['warning foreign tc filters run after ours at X: ingress u32, egress bpf x'],
    ],
  ])('%s', (_, place, expected) => {
    expect(judged([at(true, ours)], [place])).toEqual(expected);
  });
});

it('names the worst when there are many', () => {
  const places = [...Array.from({ length: 40 }, () => at(true, ours, foreign)), at(true, foreign, ours)];
  const found = judged(places);
  expect(found).toHaveLength(17);
  expect(found[0]).toMatch(/^critical /);
  expect(found.at(-1)).toBe('warning 25 more of these, at worst warning');
});
