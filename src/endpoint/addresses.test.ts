import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Addr, Prefix, parseAddr } from '../net/index.ts';
import { AddressPool } from './addresses.ts';

const pool = (cidr: string, cursor = 0): AddressPool => new AddressPool(Prefix.parse(cidr), cursor);

describe('AddressPool', () => {
  it('gives out neither network nor broadcast address, and refuses when all are taken', () => {
    const addresses = pool('10.244.1.0/29');
    const given = Array.from({ length: 6 }, () => addresses.allocate());
    expect(given).toEqual(['1', '2', '3', '4', '5', '6'].map((n) => `10.244.1.${n}`));
    expect(() => addresses.allocate()).toThrow(
      expect.objectContaining({ code: 'E_IPAM_EXHAUSTED', message: expect.stringContaining('10.244.1.0/29') }),
    );
  });

  it('gives a freed address out last', () => {
    const addresses = pool('10.244.1.0/29');
    const first = addresses.allocate();
    const second = addresses.allocate();
    addresses.release(second);
    addresses.release(first);
    const rest = Array.from({ length: 6 }, () => addresses.allocate());
    expect(rest.slice(-2)).toEqual([second, first]);
  });

  it('honours a requested address when it is free', () => {
    const addresses = pool('10.244.1.0/24');
    const wanted = parseAddr('10.244.1.77');
    expect(addresses.allocate(wanted)).toBe(wanted);
    expect(() => addresses.allocate(wanted)).toThrow(expect.objectContaining({ code: 'E_IPAM_TAKEN' }));
    addresses.release(wanted);
    expect(addresses.allocate(wanted)).toBe(wanted);
  });

  it.each(['10.244.2.1', '10.244.1.0', '10.244.1.255', '2001:db8::1'])('refuses %s of another place', (addr) => {
    expect(() => pool('10.244.1.0/24').allocate(parseAddr(addr))).toThrow(
      expect.objectContaining({ code: 'E_IPAM_OUTSIDE' }),
    );
  });

  it('goes on where an earlier life stopped', () => {
    const before = pool('10.244.1.0/24');
    const given = before.allocate();
    const after = pool('10.244.1.0/24', before.cursor);
    expect(after.allocate()).not.toBe(given);
  });

  it('never has two owners of one address, and frees what it says it frees', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40 }), { maxLength: 200 }), fc.nat(1000), (moves, cursor) => {
        const addresses = pool('10.0.0.0/27', cursor);
        const held: Addr[] = [];
        for (const move of moves) {
          if (move < 20 && held.length < 30) {
            const addr = addresses.allocate();
            expect(held).not.toContain(addr);
            held.push(addr);
          } else if (held.length > 0) {
            const [gone] = held.splice(move % held.length, 1);
            if (gone !== undefined) addresses.release(gone);
          }
          expect(addresses.used).toBe(held.length);
        }
        while (held.length < 30) held.push(addresses.allocate());
        expect(new Set(held).size).toBe(30);
      }),
    );
  });
});
