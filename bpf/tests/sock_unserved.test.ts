import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipcacheMap } from '../../src/datapath/index.ts';
import { RESERVED_IDS } from '../../src/identity/index.ts';
import { identityId } from '../../src/model/index.ts';
import { Prefix, parseAddr } from '../../src/net/index.ts';
import { BACKENDS, SockLab, VIP } from './sock-lab.ts';

const PORT = 80;
/** Of the range of services, and nobody's. */
const UNALLOCATED = parseAddr('10.96.7.7');

let lab: SockLab;
beforeAll(async () => {
  lab = await SockLab.create('unserved');
  ipcacheMap(lab.maps).set(Prefix.parse('10.96.0.0/12'), {
    identity: RESERVED_IDS['service-range'],
    cidrIdentity: identityId(0),
  });
  lab.set({ port: PORT, backends: BACKENDS });
});
afterAll(async () => await lab.close());

describe.each(['node', 'pod'] as const)('asked by a process of the %s', (place) => {
  test('a port, a protocol or an address that nobody serves is refused at once', async () => {
    const refused = { error: 'ECONNREFUSED' };
    expect(await lab[place].tcp(VIP, PORT + 1)).toEqual(refused);
    expect(await lab[place].tcp(UNALLOCATED, PORT)).toEqual(refused);
    expect(await lab[place].tcp(`::ffff:${UNALLOCATED}`, PORT)).toEqual(refused);
    for (const connected of [true, false]) {
      expect(await lab[place].udp(VIP, PORT, { connected })).toMatchObject(refused);
      expect(await lab[place].udp(UNALLOCATED, 53, { connected })).toMatchObject(refused);
      expect(await lab[place].udp(`::ffff:${VIP}`, PORT, { connected, family: 6 })).toMatchObject(refused);
    }
    expect((await lab[place].tcp(VIP, PORT)).from).toBe(`${VIP}:${PORT}`);
  });
});
