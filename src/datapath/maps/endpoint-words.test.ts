import { describe, expect, it } from 'vitest';
import { endpointId, identityId, policyRevision } from '../../model/index.ts';
import { WordArray } from './endpoint-words.ts';

describe('WordArray', () => {
  it('keeps identity and revision in one word, of any size', () => {
    const words = new WordArray();
    const word = { identity: identityId(0xffff_ffff), revision: policyRevision(0xffff_fffe) };
    words.set(endpointId(0), { identity: identityId(1), revision: policyRevision(1) });
    words.set(endpointId(65_535), word);
    expect(words.get(endpointId(65_535))).toEqual(word);
    expect(words.get(endpointId(7))).toBeUndefined();
    expect(words.entries().map(([id]) => id)).toEqual([0, 65_535]);
    words.clear(endpointId(0));
    expect(words.get(endpointId(0))).toBeUndefined();
  });
});
