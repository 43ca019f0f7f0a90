import { describe, expect, test } from 'vitest';
import { Prefix, parseAddr } from '../net/index.ts';
import { CidrIdentities } from './cidr-identities.ts';
import { CIDR_RANGE, isCidrId } from './reserved.ts';

const prefix = (text: string) => Prefix.parse(text);

describe('CidrIdentities', () => {
  test('counts users; the last one takes the identity along', () => {
    const cidrs = new CidrIdentities();
    const first = cidrs.acquire(prefix('10.0.0.0/8'));
    expect(first).toMatchObject({ created: true, identity: { id: CIDR_RANGE.first } });
    expect(cidrs.acquire(prefix('10.0.0.0/8'))).toEqual({ identity: first.identity, created: false });
    expect(cidrs.counts()).toEqual(new Map([['10.0.0.0/8', 2]]));
    expect(cidrs.release(prefix('10.0.0.0/8'))).toBeUndefined();
    expect(cidrs.release(prefix('10.0.0.0/8'))).toBe(first.identity);
    expect(cidrs.identities()).toEqual([]);
    expect(() => cidrs.release(prefix('10.0.0.0/8'))).toThrow(expect.objectContaining({ code: 'E_IDENTITY_UNKNOWN' }));
    expect(cidrs.acquire(prefix('10.0.0.0/8')).identity.id).not.toBe(first.identity.id);
  });

  test('an address has the identity of the longest prefix around it, of its own family', () => {
    const cidrs = new CidrIdentities();
    for (const text of ['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '2001:db8::/32'])
      cidrs.acquire(prefix(text));
    const of = (addr: string) => cidrs.of(parseAddr(addr))?.prefix.toString();
    expect(['10.1.2.3', '10.1.2.4', '10.2.0.0', '11.0.0.0', '2001:db8::1', '2001:db9::'].map(of)).toEqual([
      '10.1.2.3/32',
      '10.1.0.0/16',
      '10.0.0.0/8',
      '0.0.0.0/0',
      '2001:db8::/32',
      undefined,
    ]);
    cidrs.release(prefix('10.1.0.0/16'));
    expect(of('10.1.2.4')).toBe('10.0.0.0/8');
  });

  test('running out of numbers changes nothing', () => {
    const cidrs = new CidrIdentities({ range: { first: CIDR_RANGE.first, last: CIDR_RANGE.first } });
    cidrs.acquire(prefix('10.0.0.0/8'));
    expect(() => cidrs.acquire(prefix('11.0.0.0/8'))).toThrow(
      expect.objectContaining({ code: 'E_IDENTITY_EXHAUSTED' }),
    );
    expect(cidrs.of(parseAddr('10.0.0.1'))?.id).toBe(CIDR_RANGE.first);
  });

  test('after a restart prefixes have their numbers again and nobody else gets them', () => {
    const before = new CidrIdentities();
    before.acquire(prefix('10.0.0.0/8'));
    const kept = before.acquire(prefix('11.0.0.0/8')).identity.id;
    const after = new CidrIdentities({ remembered: { ...before.snapshot(), junk: 7 } });
    const fresh = after.acquire(prefix('12.0.0.0/8')).identity.id;
    expect(Object.values(before.snapshot())).not.toContain(fresh);
    expect(after.acquire(prefix('11.0.0.0/8')).identity.id).toBe(kept);
    after.release(prefix('11.0.0.0/8'));
    expect(isCidrId(fresh)).toBe(true);
  });
});
