import { expect, it } from 'vitest';
import { kernelIsNewEnough } from './probe.ts';

it.each([
  ['6.6.0', true],
  ['6.18.44-fc-v669', true],
  ['7.0.0', true],
  ['6.5.13', false],
  ['5.15.0-91-generic', false],
])('kernel %s is new enough: %s', (version, expected) => {
  expect(kernelIsNewEnough(version)).toBe(expected);
});
