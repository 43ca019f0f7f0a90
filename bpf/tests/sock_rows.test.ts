import { afterAll, beforeAll, expect, test } from 'vitest';
import { sockOriginsMap } from '../../src/datapath/maps/service-maps.ts';
import { ALL, sockAccountsMap } from '../../src/datapath/maps/socket-accounts.ts';
import { endpointId } from '../../src/model/index.ts';
import { parseAddr } from '../../src/net/index.ts';
import { BACKENDS, SockLab, VIP } from './sock-lab.ts';

const [FIRST = VIP, SECOND = VIP] = BACKENDS;
const NONE = { all: 0, node: 0, others: 0, pod: 0 };

let lab: SockLab;
beforeAll(async () => {
  lab = await SockLab.create('rows');
});
afterAll(async () => await lab.close());

const rows = async () => (await sockOriginsMap(lab.maps).entries()).length;

test('a row goes with its socket', async () => {
  lab.set({ port: 80, backends: BACKENDS });
  lab.set({ port: 80, kind: 'udp', backends: BACKENDS });
  for (const connected of [true, false]) {
    await lab.pod.udp(VIP, 80, { socket: `kept-${connected}`, connected });
    await lab.node.udp(VIP, 80, { connected });
  }
  expect((await lab.pod.tcp(VIP, 80)).from).toBe(`${VIP}:80`);
  expect(await lab.used()).toEqual({ ...NONE, pod: 2, all: 2 });
  expect(await rows()).toBe(2);
  await lab.pod.closeAll();
  expect(await lab.used()).toEqual(NONE);
  expect(await rows()).toBe(0);
});

test('a socket that names more frontends than it remembers still gets the right names', async () => {
  const ports = Array.from({ length: 9 }, (_, i) => 100 + i);
  for (const port of ports) lab.set({ port, kind: 'udp', backends: [port % 2 === 0 ? FIRST : SECOND] });
  for (const port of [...ports, ...ports.toReversed(), ...ports]) {
    expect((await lab.pod.udp(VIP, port, { socket: 'many' })).from).toBe(`${VIP}:${port}`);
  }
  expect(await rows()).toBe(1);
});

test('the frontend named last is the peer where two have the same backend', async () => {
  const addr = parseAddr('10.96.0.2');
  for (const port of [200, 201]) lab.set({ addr, port, kind: 'udp', backends: [SECOND] });
  for (const port of [200, 201, 200, 200, 201]) {
    expect((await lab.pod.udp(addr, port, { socket: 'two' })).from).toBe(`${addr}:${port}`);
  }
});

test('what was counted wrong is set right', async () => {
  await lab.pod.closeAll();
  await lab.pod.flood(VIP, 80, 3);
  const accounts = sockAccountsMap(lab.maps);
  for (const [cookie, account] of await accounts.entries()) accounts.set(cookie, { ...account, used: 50 });
  expect(lab.rows.settle()).toBe(3);
  expect(await lab.used()).toEqual({ ...NONE, pod: 3, all: 3 });
  accounts.set(ALL, { used: 0, found: 0, endpoint: endpointId(0) });
  await lab.pod.closeAll();
  expect(await lab.used()).toEqual(NONE);
});

test('sockets that outlive their pod count as nobody’s, and are forgotten', async () => {
  const gone = lab.join('gone', 3);
  await gone.flood(VIP, 80, 3);
  expect(await lab.used()).toEqual({ ...NONE, gone: 3, all: 3 });
  lab.accounts.close(lab.cookie('gone'));
  expect(lab.rows.settle()).toBe(0);
  expect(await rows()).toBe(0);
  await gone.flood(VIP, 80, 2);
  expect(await lab.used()).toEqual({ ...NONE, others: 2, all: 2 });
  await gone.closeAll();
  expect(await lab.used()).toEqual(NONE);
});
