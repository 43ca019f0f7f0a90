import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Frontend, type FrontendKind, frontendKey } from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { FrontendClaims } from './claims.ts';
import { sampleFrontend, sampleName } from './samples.ts';

const frontend = (name: string, last: number, kind: FrontendKind = 'ClusterIP'): Frontend =>
  sampleFrontend([], { kind, addr: parseAddr(`10.96.0.${last}`), service: sampleName(`a/${name}`) });
const owner = (name: string, createdAt = '2026-01-01T00:00:00Z') => ({ namespace: 'a', name, createdAt, uid: name });
const PLACE = frontendKey(frontend('x', 1));

describe('FrontendClaims', () => {
  it('gives a place to the older service; the other is told', () => {
    const claims = new FrontendClaims();
    claims.replace(owner('young', '2026-01-02T00:00:00Z'), [frontend('young', 1)]);
    claims.replace(owner('old'), [frontend('old', 1)]);
    expect(claims.winner(PLACE)?.service).toBe('a/old');
    expect(claims.problems(sampleName('a/young'))).toEqual([
      { reason: 'FrontendTaken', message: 'tcp 10.96.0.1:80 belongs to service a/old' },
    ]);
    expect(claims.problems(sampleName('a/old'))).toEqual([]);
    expect([...claims.replace(owner('old'), [])]).toEqual([PLACE]);
    expect(claims.winner(PLACE)?.service).toBe('a/young');
  });

  it('what the server gave out stands above what an object says, however old', () => {
    const claims = new FrontendClaims();
    claims.replace(owner('tenant', '2020-01-01T00:00:00Z'), [frontend('tenant', 1, 'ExternalIP')]);
    claims.replace(owner('real'), [frontend('real', 1)]);
    expect(claims.winner(PLACE)?.service).toBe('a/real');
  });

  it('comes to one end in whatever order things happen', () => {
    const change = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.uniqueArray(fc.integer({ min: 1, max: 3 })));
    const ages: Record<string, string> = {
      a: '2026-01-01T00:00:00Z',
      b: '2026-01-02T00:00:00Z',
      c: '2026-01-02T00:00:00Z',
    };
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const claims = new FrontendClaims();
        const last = new Map<string, number[]>();
        for (const [name, places] of changes) {
          last.set(name, places);
          claims.replace(
            owner(name, ages[name]),
            places.map((place) => frontend(name, place)),
          );
        }
        for (const place of [1, 2, 3]) {
          const first = ['a', 'b', 'c'].find((name) => last.get(name)?.includes(place));
          expect(claims.winner(frontendKey(frontend('x', place)))?.service).toBe(first && `a/${first}`);
        }
      }),
    );
  });
});
