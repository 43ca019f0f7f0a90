import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { detachSockets } from '../../src/datapath/index.ts';
import { socketsAttached } from '../../src/datapath/programs/cgroup-attach.ts';
import { parseAddr } from '../../src/net/index.ts';
import { BACKEND_PORT, BACKENDS, NODE_ADDR, NODE_PORT, SockLab, VIP } from './sock-lab.ts';

const WILDCARD = parseAddr('::');
const PORT = 80;
const [FIRST = WILDCARD, SECOND = WILDCARD] = BACKENDS;
const OF_BACKENDS = BACKENDS.map((addr) => `${addr}:${BACKEND_PORT}`);

let lab: SockLab;
beforeAll(async () => {
  lab = await SockLab.create('sock');
});
afterAll(async () => await lab.close());

describe.each(['node', 'pod'] as const)('from a process of the %s', (place) => {
  beforeEach(() => {
    lab.set({ port: PORT, backends: BACKENDS });
    lab.set({ port: PORT, kind: 'udp', backends: BACKENDS });
    lab.set({ addr: WILDCARD, port: NODE_PORT, backends: [FIRST] });
    lab.set({ addr: WILDCARD, port: NODE_PORT, kind: 'udp', backends: [FIRST] });
  });

  test('TCP reaches every backend, and the process sees the frontend', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 24; i++) {
      const answer = await lab[place].tcp(VIP, PORT);
      expect(answer.from).toBe(`${VIP}:${PORT}`);
      seen.add(answer.by ?? '');
    }
    expect([...seen].toSorted()).toEqual(OF_BACKENDS);
  });

  test('UDP, with and without connect', async () => {
    for (const connected of [true, false]) {
      const answer = await lab[place].udp(VIP, PORT, { connected });
      expect(answer).toEqual({ from: `${VIP}:${PORT}`, by: expect.stringMatching(/^10\.244\.9\.[23]:8080$/) });
    }
  });

  test('a UDP socket keeps to its backend', async () => {
    const answers: (string | undefined)[] = [];
    for (let i = 0; i < 8; i++) answers.push((await lab[place].udp(VIP, PORT, { socket: `kept-${place}` })).by);
    expect(new Set(answers).size).toBe(1);
  });

  test('IPv6 sockets that name an IPv4 address', async () => {
    const mapped = `::ffff:${VIP}`;
    expect((await lab[place].tcp(mapped, PORT)).from).toBe(`${mapped}:${PORT}`);
    for (const connected of [true, false]) {
      expect((await lab[place].udp(mapped, PORT, { family: 6, connected })).from).toBe(`${mapped}:${PORT}`);
    }
  });

  test('a pod’s port at 127.0.0.1 of the node: from the node only', async () => {
    lab.set({ addr: parseAddr('127.0.0.1'), port: 54_323, backends: [SECOND] });
    const answer = await lab[place].tcp('127.0.0.1', 54_323);
    expect(answer).toMatchObject(place === 'node' ? { by: `${SECOND}:${BACKEND_PORT}` } : { error: 'ECONNREFUSED' });
  });

  test('node port by an address of the node', async () => {
    expect((await lab[place].tcp(NODE_ADDR, NODE_PORT)).by).toBe(`${FIRST}:${BACKEND_PORT}`);
    expect((await lab[place].udp(NODE_ADDR, NODE_PORT)).by).toBe(`${FIRST}:${BACKEND_PORT}`);
  });

  test('what is no frontend is left alone', async () => {
    expect((await lab[place].tcp(SECOND, BACKEND_PORT)).from).toBe(`${SECOND}:${BACKEND_PORT}`);
    expect(await lab[place].tcp(NODE_ADDR, PORT)).toEqual({ error: 'ECONNREFUSED' });
    expect(await lab[place].tcp(SECOND, NODE_PORT)).toEqual({ error: 'ECONNREFUSED' });
  });

  test('without backends it is refused at once', async () => {
    lab.set({ port: 81, backends: [] });
    lab.set({ port: 81, kind: 'udp', backends: [] });
    expect(await lab[place].tcp(VIP, 81)).toEqual({ error: 'ECONNREFUSED' });
    expect(await lab[place].udp(VIP, 81)).toEqual({ error: 'ECONNREFUSED' });
    expect(await lab[place].udp(VIP, 81, { connected: true })).toMatchObject({ error: 'ECONNREFUSED' });
  });

  test('session affinity, until the backend leaves', async () => {
    const service = { port: 82, affinitySeconds: 60 };
    lab.set({ ...service, backends: BACKENDS });
    const answers: (string | undefined)[] = [];
    for (let i = 0; i < 12; i++) answers.push((await lab[place].tcp(VIP, 82)).by);
    expect(new Set(answers).size).toBe(1);
    const left = BACKENDS.filter((addr) => !answers[0]?.startsWith(addr));
    const gone = BACKENDS.find((addr) => answers[0]?.startsWith(addr));
    lab.set({ ...service, backends: left });
    if (gone !== undefined) lab.services.backends.delete(lab.backendId(gone));
    expect((await lab[place].tcp(VIP, 82)).by).toBe(`${left[0]}:${BACKEND_PORT}`);
  });

  test('a UDP socket whose backend left finds another', async () => {
    const service = { port: 83, kind: 'udp' } as const;
    lab.set({ ...service, backends: [FIRST] });
    const socket = `left-${place}`;
    expect((await lab[place].udp(VIP, 83, { socket })).by).toBe(`${FIRST}:${BACKEND_PORT}`);
    lab.set({ ...service, backends: [SECOND] });
    lab.services.backends.delete(lab.backendId(FIRST, 'udp'));
    expect(await lab[place].udp(VIP, 83, { socket })).toEqual({
      from: `${VIP}:83`,
      by: `${SECOND}:${BACKEND_PORT}`,
    });
  });
});

describe('loopback', () => {
  const port = NODE_PORT + 1;
  beforeAll(() => {
    lab.set({ addr: WILDCARD, port, backends: [FIRST] });
    lab.set({ addr: WILDCARD, port, kind: 'udp', backends: [FIRST] });
  });

  test.each(['127.0.0.1', '127.9.9.9', '0.0.0.0'])('of the node: %s is the node port', async (host) => {
    expect((await lab.node.tcp(host, port)).by).toBe(`${FIRST}:${BACKEND_PORT}`);
    expect((await lab.node.udp(host, port)).by).toBe(`${FIRST}:${BACKEND_PORT}`);
  });

  test('of a pod is the pod’s own', async () => {
    expect(await lab.pod.tcp('127.0.0.1', port)).toEqual({ error: 'ECONNREFUSED' });
    expect(await lab.pod.serve('tcp', '127.0.0.1', port)).toEqual({ by: `127.0.0.1:${port}` });
    expect(await lab.pod.tcp('127.0.0.1', port)).toEqual({ from: `127.0.0.1:${port}`, by: `127.0.0.1:${port}` });
  });

  test('another port of the node’s loopback is untouched', async () => {
    expect(await lab.node.serve('tcp', '127.0.0.1', 8443)).toEqual({ by: '127.0.0.1:8443' });
    expect((await lab.node.tcp('127.0.0.1', 8443)).from).toBe('127.0.0.1:8443');
  });
});

describe('binding a node port', () => {
  const port = NODE_PORT + 2;
  beforeAll(() => lab.set({ addr: WILDCARD, port, backends: [FIRST] }));

  test.each(['127.0.0.1', '0.0.0.0', NODE_ADDR, '::', '::1'])(
    'is refused to the node’s processes: %s',
    async (host) => {
      expect(await lab.node.serve('tcp', host, port)).toEqual({ error: 'EADDRINUSE' });
    },
  );

  test('by another protocol, or of no service, is not', async () => {
    expect(await lab.node.serve('udp', '127.0.0.1', port)).toEqual({ by: `127.0.0.1:${port}` });
    expect(await lab.node.serve('tcp', '127.0.0.1', port + 1)).toEqual({ by: `127.0.0.1:${port + 1}` });
  });

  test('is a pod’s own business', async () => {
    expect(await lab.pod.serve('tcp', '0.0.0.0', port)).toEqual({ by: `0.0.0.0:${port}` });
  });
});

test('the programs can be replaced while sockets use them', async () => {
  const service = { port: 90, backends: [FIRST] };
  lab.set(service);
  const answers = Array.from({ length: 30 }, () => lab.pod.tcp(VIP, 90));
  for (let i = 0; i < 3; i++) await lab.attach();
  expect(socketsAttached(lab)).toBe(true);
  expect(new Set((await Promise.all(answers)).map(({ by }) => by))).toEqual(new Set([`${FIRST}:${BACKEND_PORT}`]));
});

test('taken off, an address of a service is one that nobody has', async () => {
  lab.set({ port: 91, backends: [FIRST] });
  await detachSockets(lab.pinDir);
  expect(socketsAttached(lab)).toBe(false);
  expect((await lab.pod.tcp(VIP, 91)).error).toMatch(/ENETUNREACH|EHOSTUNREACH|timeout/);
});
