import { describe, expect, it } from 'vitest';
import { repeatedText } from './repeated-text.ts';

describe('text that many objects repeat', () => {
  it('is what was given, whatever is remembered', () => {
    const names = Array.from({ length: 40_000 }, (_, index) => `namespace-${index % 20_000}`);
    expect(names.map(repeatedText)).toEqual(names);
  });
});
