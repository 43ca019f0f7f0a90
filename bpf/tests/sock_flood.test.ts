import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDrops } from '../../src/datapath/index.ts';
import { BACKENDS, SHARES, SockLab, VIP } from './sock-lab.ts';

const PORT = 80;
const [FIRST = VIP, SECOND = VIP] = BACKENDS;
/** More than the whole table has rows for. */
const FLOOD = 1_100;
const { sockGuaranteed: GUARANTEED, sockNode: NODE } = SHARES;
const refusedAfter = (opened: number) => ({ opened, error: 'ENOBUFS' });

let lab: SockLab;
beforeAll(async () => {
  lab = await SockLab.create('flood');
  lab.set({ port: PORT, kind: 'udp', backends: [FIRST] });
});
afterAll(async () => await lab.close());

test('others’ sockets, however many, cost nobody a row, and stale ones are ended all the same', async () => {
  const connected = async () => await lab.pod.udp(VIP, PORT, { socket: 'connected', connected: true });
  const named = async () => await lab.pod.udp(VIP, PORT, { socket: 'named' });
  for (const ask of [connected, named]) expect((await ask()).from).toBe(`${VIP}:${PORT}`);
  const flooder = lab.join('flooder', 2);
  const common = await flooder.flood(VIP, PORT, FLOOD);
  expect(common).toEqual(refusedAfter(expect.any(Number)));
  expect(common.opened).toBeGreaterThan(SHARES.sockCommon - 10);
  // A pod that makes namespaces of its own gets nothing more for each.
  const strangers = [lab.join('stranger-1'), lab.join('stranger-2')] as const;
  expect(await strangers[0].flood(VIP, PORT, FLOOD)).toEqual(refusedAfter(NODE));
  expect(await strangers[1].flood(VIP, PORT, 1)).toEqual(refusedAfter(0));

  for (const ask of [connected, named]) expect((await ask()).from).toBe(`${VIP}:${PORT}`);
  expect(await lab.pod.flood(VIP, PORT, FLOOD)).toEqual(refusedAfter(GUARANTEED - 2));
  expect(await lab.node.flood(VIP, PORT, FLOOD)).toEqual(refusedAfter(NODE));
  expect(await lab.used()).toEqual({
    others: NODE,
    node: NODE,
    pod: GUARANTEED,
    flooder: common.opened,
    all: NODE * 2 + GUARANTEED + (common.opened ?? 0),
  });
  const drops = (await readDrops(lab.maps)).filter(({ reason }) => reason === 'sock-quota');
  expect(new Set(drops.map(({ endpoint, packets }) => `${endpoint}: ${packets}`))).toEqual(
    new Set(['0: 3', '1: 1', '2: 1']),
  );

  lab.set({ port: PORT, kind: 'udp', backends: [SECOND] });
  expect((await lab.endStale()).ended).toBe(0);
  lab.services.backends.delete(lab.backendId(FIRST, 'udp'));
  expect((await lab.endStale()).ended).toBe(1 + (GUARANTEED - 2) + NODE + (common.opened ?? 0));
  expect((await connected()).error).toBe('EDESTADDRREQ');
  expect(await named()).toEqual({ from: `${VIP}:${PORT}`, by: expect.stringMatching(SECOND) });
});
