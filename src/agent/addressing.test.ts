import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { endpointId } from '../model/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { Addressing } from './addressing.ts';
import { StateFiles } from './state-files.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/mbr-addressing-`);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const cidr = Prefix.parse('10.244.1.0/29');

describe('Addressing', () => {
  it('is busy until the pod range is known, and remembers it for a start without the API', () => {
    const first = new Addressing(new StateFiles(dir), undefined);
    expect(() => first.allocate(undefined)).toThrow(expect.objectContaining({ code: 'E_CNI_BUSY' }));
    first.followNode(['2001:db8::/64', 'banana', '10.244.1.0/29'], silentLogger);
    expect(first.allocate(undefined)).toEqual({ id: 1, addr: '10.244.1.1' });
    const second = new Addressing(new StateFiles(dir), undefined);
    second.claim(endpointId(1), parseAddr('10.244.1.1'));
    expect(second.allocate(undefined)).toEqual({ id: 2, addr: '10.244.1.2' });
  });

  it('takes nothing when the address is refused', () => {
    const addressing = new Addressing(new StateFiles(dir), cidr);
    addressing.allocate(parseAddr('10.244.1.3'));
    expect(() => addressing.allocate(parseAddr('10.244.1.3'))).toThrow(
      expect.objectContaining({ code: 'E_IPAM_TAKEN' }),
    );
    expect(addressing.ids.inUse).toBe(1);
  });

  it('holds a freed id back until conntrack has surely forgotten it', () => {
    const addressing = new Addressing(new StateFiles(dir), cidr);
    const { id, addr } = addressing.allocate(undefined);
    addressing.release(id, addr, 1_000);
    addressing.collected(100_000);
    expect(addressing.ids.unpurged).toEqual([id]);
    addressing.collected(200_000);
    expect(addressing.ids.unpurged).toEqual([]);
  });
});
