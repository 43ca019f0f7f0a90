import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRow } from '../../src/datapath/maps/testkit.ts';
import { BACKEND_FLAG } from '../../src/model/index.ts';
import { PROTOCOL_NUMBERS, parseAddr } from '../../src/net/index.ts';
import { BACKEND_PORT, BACKENDS, SockLab, VIP } from './sock-lab.ts';

const OTHER_VIP = parseAddr('10.96.0.2');
const [FIRST = VIP, SECOND = VIP] = BACKENDS;
const PORT = 80;
const there = { host: VIP, port: PORT } as const;
const TIMES = 12;

let lab: SockLab;
beforeAll(async () => {
  lab = await SockLab.create('datagrams');
  lab.set({ port: PORT, kind: 'udp', backends: BACKENDS });
});
afterAll(async () => await lab.close());

describe.each(['node', 'pod'] as const)('a UDP socket of a process of the %s', (place) => {
  test('that is connected to a service and names it once more is answered', async () => {
    for (let i = 0; i < TIMES; i++) {
      const [, ...answers] = await lab[place].calls(
        { call: 'connect', ...there },
        { call: 'sendto', ...there },
        { call: 'sendto', ...there },
      );
      expect(new Set(answers).size).toBe(1);
      expect(answers[0]).toMatch(/^10\.244\.9\.[23]:8080, from 10\.96\.0\.1:80$/);
    }
  });

  test('that named a service before it connects is answered afterwards', async () => {
    for (let i = 0; i < TIMES; i++) {
      const [, , answer] = await lab[place].calls(
        { call: 'sendto', ...there },
        { call: 'connect', ...there },
        { call: 'sendto', ...there },
      );
      expect(answer).toMatch(/^10\.244\.9\.[23]:8080, from 10\.96\.0\.1:80$/);
    }
  });

  test('that is connected goes on with a backend that leaves, while that is there', async () => {
    const service = { port: 81, kind: 'udp' } as const;
    lab.set({ ...service, backends: [FIRST] });
    const there = { host: VIP, port: 81 };
    const socket = `leaving-${place}`;
    await lab[place].callsOn(socket, { call: 'connect', ...there });
    lab.set({ ...service, backends: [SECOND] });
    const leaving = backendRow({ addr: FIRST, port: BACKEND_PORT, protocol: PROTOCOL_NUMBERS.UDP });
    lab.services.backends.set(lab.backendId(FIRST, 'udp'), { ...leaving, flags: BACKEND_FLAG.draining });
    const sent = { call: 'sendto', ...there } as const;
    const answers = await lab[place].callsOn(socket, sent, sent, { call: 'disconnect' }, sent);
    const by = (addr: string): string => `${addr}:${BACKEND_PORT}, from ${VIP}:81`;
    expect(answers).toEqual([by(FIRST), by(FIRST), '', by(SECOND)]);
  });
});

describe('the peer of a UDP socket is whom it connected to last', () => {
  const straight = { host: SECOND, port: BACKEND_PORT } as const;
  const service = { host: OTHER_VIP, port: 90 } as const;
  const other = { host: OTHER_VIP, port: 91 } as const;
  beforeAll(() => {
    for (const { port } of [service, other]) lab.set({ addr: OTHER_VIP, port, kind: 'udp', backends: [SECOND] });
  });

  test('the backend itself, after the service', async () => {
    const [, peer, , now] = await lab.pod.calls(
      { call: 'connect', ...service },
      { call: 'getpeername' },
      { call: 'connect', ...straight },
      { call: 'getpeername' },
    );
    expect([peer, now]).toEqual([`${OTHER_VIP}:90`, `${SECOND}:${BACKEND_PORT}`]);
  });

  test('whatever else it named', async () => {
    const [, , peer, answer] = await lab.pod.calls(
      { call: 'sendto', ...other },
      { call: 'connect', ...service },
      { call: 'getpeername' },
      { call: 'sendto', ...service },
    );
    expect([peer, answer]).toEqual([`${OTHER_VIP}:90`, `${SECOND}:${BACKEND_PORT}, from ${OTHER_VIP}:90`]);
    const [, , itself] = await lab.pod.calls(
      { call: 'sendto', ...other },
      { call: 'connect', ...straight },
      { call: 'getpeername' },
    );
    expect(itself).toBe(`${SECOND}:${BACKEND_PORT}`);
  });
});
