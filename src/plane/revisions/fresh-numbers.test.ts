import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FreshNumbers, NUMBER_BLOCK } from './fresh-numbers.ts';

const NOBODY: ReadonlySet<number> = new Set();

/** One life after another, with what they remember. */
function lives(options: {
  next?: number;
  last?: number;
  inUse?: (from: number, below: number) => ReadonlySet<number>;
}) {
  const { last = 0xffff_ffff, inUse = () => NOBODY } = options;
  let next = options.next ?? 1;
  const reserved: number[] = [];
  const begin = () =>
    new FreshNumbers({
      first: 1,
      last,
      next,
      inUse,
      reserve: (below) => {
        reserved.push(below);
        next = below;
      },
    });
  return { begin, reserved };
}

describe('FreshNumbers', () => {
  it('remembers a block before it gives out the first of it, and no more often', () => {
    const { begin, reserved } = lives({ next: 7 });
    const numbers = begin();
    expect([numbers.fresh(), numbers.fresh()]).toEqual([7, 8]);
    expect(reserved).toEqual([7 + NUMBER_BLOCK]);
  });

  it('never gives out what an earlier life may have given out', () => {
    const { begin } = lives({ next: 7 });
    const before = begin().fresh();
    expect(begin().fresh()).toBeGreaterThan(before);
  });

  it('gives out nothing that could not be remembered', () => {
    let fails = true;
    const numbers = new FreshNumbers({
      first: 1,
      last: 100,
      next: 5,
      inUse: () => NOBODY,
      reserve: () => {
        if (fails) throw new Error('the disk is full');
      },
    });
    expect(() => numbers.fresh()).toThrow('the disk is full');
    expect(() => numbers.fresh()).toThrow('the disk is full');
    fails = false;
    expect(numbers.fresh()).toBe(5);
  });

  it('begins anew after the last, also in the life after that, and leaves out what somebody has', () => {
    const { begin } = lives({ next: 0xffff_ffff, inUse: () => new Set([1, 3]) });
    const numbers = begin();
    expect([numbers.fresh(), numbers.fresh(), numbers.fresh()]).toEqual([0xffff_ffff, 2, 4]);
    expect(begin().fresh()).toBe(1 + NUMBER_BLOCK);
  });

  it('says when all are in use', () => {
    const all = new Set([1, 2, 3]);
    const numbers = lives({ last: 3, inUse: () => all }).begin();
    expect(() => numbers.fresh()).toThrow(RangeError);
    all.delete(2);
    expect(numbers.fresh()).toBe(2);
  });

  it('finds one that was given back since its block began', () => {
    const had = [1, 2];
    const numbers = lives({ last: 3, inUse: () => new Set(had) }).begin();
    had.push(numbers.fresh());
    had.shift();
    had.push(numbers.fresh());
    had.shift();
    expect(had).toEqual([3, 1]);
    expect(numbers.fresh()).toBe(2);
  });

  it('gives nobody what another has, whoever gives back and however often it begins anew', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant('take' as const) },
      { weight: 4, arbitrary: fc.nat(20).map((at) => ({ gives: at })) },
      { weight: 1, arbitrary: fc.constant('restart' as const) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 12 }), fc.array(step, { maxLength: 60 }), (last, steps) => {
        const had: number[] = [];
        const inUse = (from: number, below: number) => new Set(had.filter((n) => n >= from && n < below));
        const { begin } = lives({ last, inUse });
        let numbers = begin();
        for (const one of steps) {
          if (one === 'restart') numbers = begin();
          else if (one !== 'take') had.splice(one.gives, 1);
          else if (had.length < last) {
            const number = numbers.fresh();
            expect(had).not.toContain(number);
            expect(number).toBeGreaterThanOrEqual(1);
            expect(number).toBeLessThanOrEqual(last);
            had.push(number);
          }
        }
      }),
    );
  });
});
