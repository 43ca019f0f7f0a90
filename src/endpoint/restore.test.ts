import { describe, expect, it } from 'vitest';
import { type EndpointId, endpointId, ifindex } from '../model/index.ts';
import { macOfAddr, parseAddr } from '../net/index.ts';
import { decodeRecord, type EndpointRecord, encodeRecord, endpointOfIfname, hostIfnameOf } from './record.ts';
import { planRestore, type RestoreInput } from './restore.ts';

function record(id: number, change: Partial<EndpointRecord> = {}): EndpointRecord {
  const addr = parseAddr(`10.244.1.${id}`);
  return {
    id: endpointId(id),
    attachment: { containerId: `c${id}`, ifname: 'eth0' },
    pod: { namespace: 'shop', name: `web-${id}`, uid: `u${id}` },
    netns: `/run/netns/p${id}`,
    addr,
    mac: macOfAddr(addr),
    hostIfname: hostIfnameOf(endpointId(id)),
    hostIfindex: ifindex(100 + id),
    mtu: 1500,
    phase: 'complete',
    createdAt: 1,
    ...change,
  };
}

const both = { fromPod: true, toPod: true };

function plan(input: Partial<RestoreInput>) {
  const steps = planRestore({
    records: [],
    unreadable: new Map(),
    devices: new Map(),
    links: new Map(),
    open: new Set(),
    runs: () => true,
    ...input,
  });
  return steps.map((s) => ({
    action: s.action,
    id: s.action === 'remove' || s.action === 'close' ? s.id : s.record.id,
    why: 'why' in s ? s.why : undefined,
  }));
}

const devices = (...ids: number[]): Map<EndpointId, number> => new Map(ids.map((id) => [endpointId(id), 100 + id]));
const links = (...ids: number[]) => new Map(ids.map((id) => [endpointId(id), both]));

describe('planRestore', () => {
  it('leaves alone what runs what it should', () => {
    expect(plan({ records: [record(1)], devices: devices(1), links: links(1) })).toMatchObject([
      { action: 'keep', id: 1 },
    ]);
  });

  it('swaps programs that changed', () => {
    const input = { records: [record(1)], devices: devices(1), links: links(1), runs: () => false };
    expect(plan(input)).toMatchObject([{ action: 'swap', id: 1 }]);
  });

  it('attaches again where a link is missing', () => {
    const half = new Map([[endpointId(1), { fromPod: true, toPod: false }]]);
    expect(plan({ records: [record(1)], devices: devices(1), links: half })).toMatchObject([{ action: 'reattach' }]);
  });

  it.each([
    ['an interrupted ADD', record(1, { phase: 'creating' }), devices(1), /ADD/],
    ['an interrupted DEL', record(1, { phase: 'disconnecting' }), devices(1), /DEL/],
    ['a device that is gone', record(1), devices(), /gone/],
  ])('removes %s', (_, of, found, why) => {
    expect(plan({ records: [of], devices: found, links: links(1) })).toMatchObject([
      { action: 'remove', id: 1, why: expect.stringMatching(why) },
    ]);
  });

  it('removes what is left without record and device: link, open word or a record that cannot be read', () => {
    const left = { links: links(2), open: new Set([endpointId(3)]), unreadable: new Map([[endpointId(4), 'torn']]) };
    expect(plan(left).map((s) => [s.action, s.id])).toEqual([
      ['remove', 2],
      ['remove', 3],
      ['remove', 4],
    ]);
  });

  it.each([
    ['a device without a record', {}, /no record/],
    [
      'a device whose record cannot be read',
      { unreadable: new Map([[endpointId(1), 'torn']]) },
      /cannot be read: torn/,
    ],
    ['another device than the record says', { records: [record(1, { hostIfindex: ifindex(7) })] }, /another/],
  ])('closes %s, and leaves it', (_, input, why) => {
    expect(plan({ ...input, devices: devices(1), links: links(1) })).toMatchObject([
      { action: 'close', id: 1, why: expect.stringMatching(why) },
    ]);
  });

  it('keeps only one owner of an address', () => {
    const thief = record(2, { addr: parseAddr('10.244.1.1') });
    const steps = plan({ records: [thief, record(1)], devices: devices(1, 2), links: links(1, 2) });
    expect(steps.map((s) => [s.action, s.id])).toEqual([
      ['keep', 1],
      ['close', 2],
    ]);
  });
});

describe('records', () => {
  it('survive the file', () => {
    expect(decodeRecord(encodeRecord(record(5)))).toEqual(record(5));
    const noUid = record(5, { pod: { namespace: 'a', name: 'b', uid: undefined } });
    expect(decodeRecord(encodeRecord(noUid))).toEqual(noUid);
  });

  it.each([
    '',
    '{',
    '{}',
    encodeRecord(record(5)).slice(0, -9),
    encodeRecord(record(5)).replace('"version":1,', ''),
    encodeRecord(record(5)).replace('"phase":"complete"', '"phase":"migrating"'),
    encodeRecord(record(5)).replace('10.244', '10.244.244'),
  ])('that are torn or foreign are refused: %j', (text) => {
    expect(() => decodeRecord(text)).toThrow(expect.objectContaining({ code: 'E_ENDPOINT_RECORD' }));
  });

  it.each([
    ['older', 0],
    ['newer', 2],
    ['odd', 'two'],
  ])('of an %s version are refused, which is said', (_, version) => {
    const text = encodeRecord(record(5)).replace('"version":1', `"version":${JSON.stringify(version)}`);
    expect(() => decodeRecord(text)).toThrow(
      expect.objectContaining({
        code: 'E_ENDPOINT_RECORD_VERSION',
        message: expect.stringContaining(`it is of version ${version}, this agent reads version 1`),
      }),
    );
  });

  it('may have fields of a later version, which are not lost when it is written again', () => {
    const text = encodeRecord(record(5)).replace('{', '{"shares":{"a":[1]},');
    const read = decodeRecord(text);
    expect(read).toEqual({ ...record(5), later: { shares: { a: [1] } } });
    const written: unknown = JSON.parse(encodeRecord({ ...read, phase: 'disconnecting' }));
    expect(written).toMatchObject({ shares: { a: [1] }, phase: 'disconnecting', version: 1 });
  });

  it('name the device by the id', () => {
    expect(hostIfnameOf(endpointId(0xabc))).toBe('mbr0abc');
    expect(endpointOfIfname('mbr0abc')).toBe(0xabc);
    expect(['mbr0000', 'mbr12345', 'mbrzzzz', 'eth0', 'mbr0ABC'].map(endpointOfIfname)).toEqual(
      Array(5).fill(undefined),
    );
  });
});
