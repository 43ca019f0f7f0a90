import { expect, it } from 'vitest';
import { FakeClock } from '../base/testkit.ts';
import { type View, Views } from './views.ts';

const enter = (views: Views, who: string, count: number): View[] =>
  Array.from({ length: count }, () => views.enter(who));
const gone = (all: readonly View[]): number[] => all.flatMap(({ dismissed }, i) => (dismissed.aborted ? [i] : []));

it('makes room for who has fewer, at the cost of who has most and for longest', () => {
  const views = new Views(new FakeClock());
  const many = enter(views, 'many', 24);
  const few = enter(views, 'few', 8);
  expect(() => views.enter('many')).toThrow(/32 of 32/);
  for (let i = 0; i < 12; i += 1) views.enter('other');
  expect([gone(many), gone(few)]).toEqual([Array.from({ length: 12 }, (_, i) => i), []]);
  expect(() => views.enter('other')).toThrow(/32 of 32/);
});

it('takes all service accounts of a namespace for one', () => {
  const views = new Views(new FakeClock());
  for (let i = 0; i < 32; i += 1) views.enter(`system:serviceaccount:shop:made-${i}`);
  expect(() => views.enter('system:serviceaccount:shop:one-more')).toThrow(/32 of 32/);
  for (let i = 0; i < 16; i += 1) views.enter(`operator-${i}`);
});

it('keeps no place for who takes nothing of what he is told', async () => {
  const clock = new FakeClock();
  const views = new Views(clock);
  const [reading, silent, others] = [views.enter('a', 2), views.enter('a', 2), enter(views, 'b', 30)];
  silent.wait(true);
  await clock.advance(59_999);
  expect(() => views.enter('a', 2)).toThrow(/2 of 2/);
  reading.wait(true);
  reading.wait(false);
  await clock.advance(1);
  views.enter('a', 2);
  expect([reading.dismissed.aborted, silent.isStalled(), silent.dismissed.reason]).toMatchObject([
    false,
    true,
    { code: 'E_UI_FULL' },
  ]);
  expect(gone(others)).toEqual([]);
  // However often somebody leaves.
  reading.leave();
  reading.leave();
  views.enter('a', 2);
  expect(() => views.enter('a', 2)).toThrow(/2 of 2/);
});
