import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesLabels, parseLabelSelector } from './label-selector.ts';

test.each<[string, Record<string, string>, boolean]>([
  ['', {}, true],
  ['a=1', { a: '1' }, true],
  ['a==1', { a: '2' }, false],
  ['a!=1', {}, true],
  ['a=', { a: '' }, true],
  ['a=,b=2', { a: '', b: '2' }, true],
  ['a', { a: '' }, true],
  ['!a', { b: '1' }, true],
  ['a in (1,2)', { a: '2' }, true],
  ['a notin (1,2)', { a: '2' }, false],
  ['a notin (1,2)', {}, true],
  ['a in (,x)', { a: '' }, true],
  ['a>5', { a: '10' }, true],
  ['a<5', { a: 'x' }, false],
  ['in in (in)', { in: 'in' }, true],
  ['example.com/app = web , !example.com/old', { 'example.com/app': 'web' }, true],
  ['toString', {}, false],
])('%j on %j is %j', (text, labels, expected) => {
  expect(matchesLabels(parseLabelSelector(text), labels)).toBe(expected);
});

test.each(['=a', 'a=b=c', 'a in', 'a in b', 'a in (b', 'a,', ',a', 'a b', '!', 'a>x', '-a', 'a=-b', 'x/y/z'])(
  '%j is refused',
  (text) => {
    expect(() => parseLabelSelector(text)).toThrow(/unable to parse requirement/);
  },
);

test('whatever comes, it is parsed or refused', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', '/', '=', '!', ',', '(', ')', ' ', 'in', 'notin', '<', '-') }),
      (text) => {
        try {
          matchesLabels(parseLabelSelector(text), { a: 'b' });
        } catch (error) {
          expect(String(error)).toContain('unable to parse requirement');
        }
      },
    ),
  );
});
