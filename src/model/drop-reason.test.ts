import { expect, it } from 'vitest';
import { DROP_REASON_TEXTS } from './drop-reason.ts';
import { DROP_REASON } from './gen/enums.ts';

it('has one distinct text for every reason', () => {
  expect(Object.keys(DROP_REASON_TEXTS).toSorted()).toEqual(Object.keys(DROP_REASON).toSorted());
  const texts = Object.values(DROP_REASON_TEXTS).map((t) => t.text);
  expect(new Set(texts).size).toBe(texts.length);
  for (const { text, remedy } of Object.values(DROP_REASON_TEXTS)) {
    expect(text).not.toMatch(/\.$/);
    expect(remedy).toMatch(/\.$/);
  }
});
