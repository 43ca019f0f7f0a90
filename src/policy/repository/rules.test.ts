import { expect, test } from 'vitest';
import { sampleEntry } from '../samples.ts';
import { RuleTable } from './rules.ts';

const { origin } = sampleEntry();
const nth = (name: number) => ({ ...origin, name: `p${name}` });

test('a rule has one number, that leads back to it, in every life', () => {
  const rules = new RuleTable();
  const first = rules.acquire(origin);
  const second = rules.acquire({ ...origin, rule: 1 });
  expect([rules.acquire({ ...origin }), rules.find(origin)]).toEqual([first, first]);
  expect(second).not.toBe(first);
  expect(rules.get(second)).toEqual({ ...origin, rule: 1 });
  expect(rules.acquire({ ...origin, uid: 'another' })).not.toBe(first);
  const later = new RuleTable();
  later.acquire(nth(7));
  expect(later.acquire(origin)).toBe(first);
});

test('asking gives no number', () => {
  const rules = new RuleTable();
  expect([rules.find(origin), rules.size]).toEqual([0, 0]);
});

test('a released number goes on explaining, until many more were released', () => {
  const rules = new RuleTable();
  const id = rules.acquire(origin);
  rules.acquire(origin);
  rules.release(id);
  for (let round = 0; round < 20_000; round += 1) rules.release(rules.acquire(nth(round)));
  expect(rules.get(id)).toEqual(origin);
  rules.release(id);
  expect(rules.get(id)).toEqual(origin);
  expect(rules.size).toBeLessThan(5_000);
  for (let round = 0; round < 20_000; round += 1) rules.release(rules.acquire(nth(round)));
  expect([rules.get(id), rules.size < 5_000]).toEqual([undefined, true]);
});

test('rules whose numbers would be the same have different ones', () => {
  const rules = new RuleTable();
  const ids = Array.from({ length: 200_000 }, (_, name) => rules.acquire(nth(name)));
  expect(new Set(ids).size).toBe(ids.length);
});
