import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { endpointId } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { StateFiles } from '../node/state-files.ts';
import { Addressing } from './addressing.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/mbr-addressing-`);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const cidr = Prefix.parse('10.244.1.0/29');

describe('Addressing', () => {
  it('is busy until the Node object was heard, in a later life too, and goes on behind the last address', () => {
    const first = new Addressing(new StateFiles(dir), undefined);
    expect(() => first.allocate(undefined)).toThrow(expect.objectContaining({ code: 'E_CNI_BUSY' }));
    first.followNode(['2001:db8::/64', 'banana', '10.244.1.0/29'], silentLogger);
    expect(first.allocate(undefined)).toEqual({ id: 1, addr: '10.244.1.1' });
    const second = new Addressing(new StateFiles(dir), undefined);
    second.claim(endpointId(1), parseAddr('10.244.1.1'));
    expect(() => second.allocate(undefined)).toThrow(expect.objectContaining({ code: 'E_CNI_BUSY' }));
    second.followNode(['10.244.1.0/29'], silentLogger);
    expect(second.allocate(undefined)).toEqual({ id: 2, addr: '10.244.1.2' });
  });

  it('gives nobody the address of a restored pod, whichever it is', () => {
    const addressing = new Addressing(new StateFiles(dir), undefined);
    const had = ['10.244.1.0', '10.244.1.1', '10.9.9.9'].map(parseAddr);
    for (const [index, addr] of had.entries()) addressing.claim(endpointId(index + 1), addr);
    addressing.followNode(['10.244.1.0/30'], silentLogger);
    expect(addressing.allocate(undefined).addr).toBe('10.244.1.2');
    expect(addressing.outside).toEqual([3]);
    expect(() => addressing.allocate(undefined)).toThrow(expect.objectContaining({ code: 'E_IPAM_EXHAUSTED' }));
  });

  it('follows another range of the Node with new pods', () => {
    const addressing = new Addressing(new StateFiles(dir), undefined);
    addressing.followNode(['10.244.1.0/29'], silentLogger);
    const old = addressing.allocate(undefined);
    addressing.followNode(['10.244.7.0/29'], silentLogger);
    expect(addressing.outside).toEqual([old.id]);
    const late = addressing.allocate(undefined);
    expect(late.addr).toMatch(/^10\.244\.7\./);
    addressing.release(old.id, old.addr, 0);
    expect([addressing.outside, addressing.pool?.used]).toEqual([[], 1]);
  });

  it.each(['{"endpoint":-1,"address":"x"}', '[', 'null'])('begins elsewhere when its file is %s', (text) => {
    writeFileSync(`${dir}/cursors.json`, text);
    const state = new StateFiles(dir);
    expect(new Addressing(state, cidr).allocate(undefined).addr).toBe('10.244.1.1');
    expect([...state.problems.keys()]).toEqual(['cursors']);
  });

  it('gives no id again in a later life that knows nobody, and begins anywhere when it cannot know the last', () => {
    const first = new Addressing(new StateFiles(dir), cidr);
    const ids = [1, 2, 3].map(() => {
      const { id, addr } = first.allocate(undefined);
      first.release(id, addr, 0);
      return id;
    });
    expect(ids).toEqual([1, 2, 3]);
    expect(new Addressing(new StateFiles(dir), cidr).allocate(undefined).id).toBe(4);
    const begun = Array.from({ length: 8 }, () => {
      writeFileSync(`${dir}/cursors.json`, '[');
      return new Addressing(new StateFiles(dir), cidr).allocate(undefined).id;
    });
    expect(new Set(begun).size).toBeGreaterThan(1);
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
