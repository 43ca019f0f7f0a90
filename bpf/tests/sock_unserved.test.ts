import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  EndpointAccounts,
  EventRing,
  ipcacheMap,
  KernelEndpointWords,
  netnsEndpointsMap,
  readCounters,
  readDrops,
  readEventLoss,
} from '../../src/datapath/index.ts';
import { ipcacheRow } from '../../src/datapath/maps/testkit.ts';
import { RESERVED_IDS } from '../../src/identity/index.ts';
import { endpointId, identityId, policyRevision } from '../../src/model/index.ts';
import { Prefix, parseAddr } from '../../src/net/index.ts';
import { BACKENDS, NODE_ADDR, NODE_PORT, SockLab, VIP } from './sock-lab.ts';

const PORT = 80;
/** Of the range of services, and nobody's. */
const UNALLOCATED = parseAddr('10.96.7.7');
/** Within the range, and of the node: a cache of DNS answers. */
const CACHE = parseAddr('10.96.0.10');
const POD = { endpoint: endpointId(7), addr: parseAddr('10.244.9.9') };
const IDENTITY = 300;
const REFUSED = { error: 'ECONNREFUSED' };
const HOST = RESERVED_IDS.host;
const RANGE = RESERVED_IDS['service-range'];
const RATE = 8;

let lab: SockLab;
let ring: EventRing;
let accounts: EndpointAccounts;
beforeAll(async () => {
  lab = await SockLab.create('unserved');
  await lab.attach({ enableEvents: true });
  ring = new EventRing(lab.maps.get('events'), lab.maps.spec('events').maxEntries);
  accounts = new EndpointAccounts(lab.maps, { events: true });
  using words = KernelEndpointWords.of(lab.maps.get('endpoint_words'));
  words.set(POD.endpoint, { identity: identityId(IDENTITY), revision: policyRevision(1) });
  netnsEndpointsMap(lab.maps).set(lab.cookie('pod'), POD);
  ipcacheMap(lab.maps).set(Prefix.parse('10.96.0.0/12'), ipcacheRow({ identity: RANGE }));
  lab.set({ port: PORT, backends: BACKENDS });
});
afterAll(async () => {
  ring.close();
  await lab.close();
});
beforeEach(() => {
  ring.drain();
  for (const id of [0, POD.endpoint].map(endpointId)) accounts.forget(id);
});

const drops = async () =>
  (await readDrops(lab.maps)).map(({ endpoint, reason, direction, packets }) => ({
    endpoint,
    reason,
    direction,
    packets,
  }));
const total = async (reason: string) =>
  (await readCounters(lab.maps)).filter((row) => row.reason === reason).reduce((sum, row) => sum + row.packets, 0);

describe.each([
  { place: 'node', source: { source: NODE_ADDR, sourceIdentity: HOST, sourceEndpoint: 0 } },
  { place: 'pod', source: { source: POD.addr, sourceIdentity: IDENTITY, sourceEndpoint: POD.endpoint } },
] as const)('asked by a process of the $place', ({ place, source }) => {
  const endpoint = source.sourceEndpoint;

  test('a port, a protocol or an address that nobody serves is refused at once', async () => {
    expect(await lab[place].tcp(VIP, PORT + 1)).toEqual(REFUSED);
    expect(await lab[place].tcp(UNALLOCATED, PORT)).toEqual(REFUSED);
    expect(await lab[place].tcp(`::ffff:${UNALLOCATED}`, PORT)).toEqual(REFUSED);
    for (const connected of [true, false]) {
      expect(await lab[place].udp(VIP, PORT, { connected })).toMatchObject(REFUSED);
      expect(await lab[place].udp(UNALLOCATED, 53, { connected })).toMatchObject(REFUSED);
      expect(await lab[place].udp(`::ffff:${VIP}`, PORT, { connected, family: 6 })).toMatchObject(REFUSED);
    }
    expect((await lab[place].tcp(VIP, PORT)).from).toBe(`${VIP}:${PORT}`);
  });

  test('that is told, and counted for who asked', async () => {
    const before = await total('service-unknown');
    await lab[place].tcp(UNALLOCATED, PORT);
    await lab[place].udp(VIP, PORT);
    const told = { type: 'drop', reason: 'service-unknown', hook: 'socket', destinationIdentity: RANGE, ...source };
    expect(ring.drain()).toMatchObject([
      { ...told, destination: UNALLOCATED, destinationPort: PORT, protocol: 6 },
      { ...told, destination: VIP, destinationPort: PORT, protocol: 17 },
    ]);
    expect(await drops()).toEqual([{ endpoint, reason: 'service-unknown', direction: 'egress', packets: 2 }]);
    expect(await total('service-unknown')).toBe(before + 2);
  });

  test('as is a service without backends, by its address or a port of the node', async () => {
    lab.set({ port: 81, backends: [] });
    lab.set({ addr: parseAddr('::'), port: NODE_PORT, backends: [] });
    const at = place === 'node' ? parseAddr('127.0.0.1') : NODE_ADDR;
    expect(await lab[place].tcp(VIP, 81)).toEqual(REFUSED);
    expect(await lab[place].tcp(at, NODE_PORT)).toEqual(REFUSED);
    const told = { type: 'drop', reason: 'no-backend', hook: 'socket', protocol: 6, ...source };
    expect(ring.drain()).toMatchObject([
      { ...told, destination: VIP, destinationPort: 81, destinationIdentity: RANGE },
      { ...told, destination: at, destinationPort: NODE_PORT, destinationIdentity: HOST },
    ]);
    expect(await drops()).toEqual([{ endpoint, reason: 'no-backend', direction: 'egress', packets: 2 }]);
  });

  test('an address of the range that the node has is nobody else’s', async () => {
    lab.own(CACHE);
    expect(await lab[place].tcp(CACHE, 53)).not.toEqual(REFUSED);
    expect(ring.drain()).toEqual([]);
  });
});

test('a network namespace that is nobody’s is refused, and counted for the node', async () => {
  netnsEndpointsMap(lab.maps).delete(lab.cookie('pod'));
  try {
    expect(await lab.pod.tcp(UNALLOCATED, PORT)).toEqual(REFUSED);
    expect(ring.drain()).toMatchObject([
      { source: '::', sourceIdentity: 0, sourceEndpoint: 0, reason: 'service-unknown' },
    ]);
    expect(await drops()).toEqual([{ endpoint: 0, reason: 'service-unknown', direction: 'egress', packets: 1 }]);
  } finally {
    netnsEndpointsMap(lab.maps).set(lab.cookie('pod'), POD);
  }
});

describe('who asks again and again', () => {
  beforeAll(async () => await lab.attach({ enableEvents: true, eventRate: RATE }));
  const ask = async (place: 'node' | 'pod', times: number) => {
    for (let i = 0; i < times; i += 1) await lab[place].tcp(UNALLOCATED, PORT);
  };

  test('uses up its own share of events: a pod', async () => {
    const before = readEventLoss(lab.maps).suppressed;
    await ask('pod', 200);
    await ask('node', 2);
    const events = ring.drain();
    expect(events.filter(({ sourceEndpoint }) => sourceEndpoint === 0)).toHaveLength(2);
    const missed = accounts.missedEvents(POD.endpoint);
    expect(missed).toBeGreaterThan(0);
    expect(events).toHaveLength(202 - missed);
    expect(readEventLoss(lab.maps).suppressed - before).toBe(missed);
    expect((await drops()).find(({ endpoint }) => endpoint === POD.endpoint)?.packets).toBe(200);
  });

  test('uses up its own share of events: who is nobody', async () => {
    netnsEndpointsMap(lab.maps).delete(lab.cookie('pod'));
    await ask('pod', 200);
    await ask('node', 2);
    netnsEndpointsMap(lab.maps).set(lab.cookie('pod'), POD);
    expect(ring.drain().filter(({ sourceIdentity }) => sourceIdentity === HOST)).toHaveLength(2);
  });
});

test('without events it is counted all the same', async () => {
  await lab.attach({ enableEvents: false });
  expect(await lab.pod.tcp(UNALLOCATED, PORT)).toEqual(REFUSED);
  expect(ring.drain()).toEqual([]);
  expect(await drops()).toEqual([{ endpoint: 7, reason: 'service-unknown', direction: 'egress', packets: 1 }]);
});
