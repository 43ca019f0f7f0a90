import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PROTOCOL_NUMBERS, parseAddr } from '../../net/index.ts';
import { ZERO_CONFIG } from '../gen/config.ts';
import { readObjectSpec } from '../kernel/object-spec.ts';
import { MapSet } from '../maps/map-set.ts';
import { serviceMaps, sockOriginsMap } from '../maps/service-maps.ts';
import { backendRow } from '../maps/testkit.ts';
import { type DiagProtocol, SockDiag } from '../netlink/sock-diag.ts';
import { SocketRows } from './socket-rows.ts';
import { endStaleSockets, type StaleSocketsOptions } from './stale-sockets.ts';

const LOCAL = parseAddr('127.0.0.1');
const { TCP, UDP } = PROTOCOL_NUMBERS;
const BACKEND = 9;

const SPEC = readObjectSpec(fileURLToPath(new URL('../../../build/sockets.bpf.o', import.meta.url)));
const SIZES = { services: 64, service_slots: 64, backends: 64, sock_origins: 64, sock_accounts: 64 };
const NOTHING = { frontendIpv4: null, backendIpv4: null, frontendPort: 0, backendPort: 0, backend: 0 };

let maps: MapSet;
let rows: SocketRows;
beforeEach(() => {
  maps = new MapSet({ pinDir: undefined, sizes: SIZES });
  rows = SocketRows.load(SPEC, maps, { ...ZERO_CONFIG, enableServices: true });
});
afterEach(() => {
  rows.close();
  maps.close();
});

/** What a socket hook writes when it turns this socket. */
async function turned(protocol: DiagProtocol, localPort: number, port: number): Promise<void> {
  using diag = SockDiag.open();
  const socket = (await diag.list(protocol)).find((one) => one.localPort === localPort && one.remotePort === port);
  if (socket === undefined) throw new Error(`no socket from ${localPort} to ${port}`);
  expect(socket.remote).toBe(LOCAL);
  const frontend = { frontendIpv4: parseAddr('10.96.0.1'), frontendPort: 80 };
  sockOriginsMap(maps).set(socket.cookie, {
    account: 0n,
    connected: { ...frontend, backendIpv4: LOCAL, backendPort: port, backend: BACKEND },
    named: [NOTHING, NOTHING, NOTHING, NOTHING],
    turns: 0,
    protocol,
  });
}

async function sweep(options: Partial<StaleSocketsOptions> = {}) {
  return await endStaleSockets({ maps, rows, namespaces: [], lives: () => false, ...options });
}

function backendIs(there: boolean, protocol: DiagProtocol, port: number): void {
  const { backends } = serviceMaps(maps);
  if (there) backends.set(BACKEND, backendRow({ addr: LOCAL, port, protocol }));
  else backends.delete(BACKEND);
}

it.each(['127.0.0.1', '::ffff:127.0.0.1'])('ends TCP connections to a backend that left, by %s', async (host) => {
  const server = createServer((client) => client.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [one, other] = [connect(port, host), connect(port, host)];
  await Promise.all([once(one, 'connect'), once(other, 'connect')]);
  other.on('error', () => undefined);
  backendIs(true, TCP, port);
  await turned(TCP, one.localPort ?? 0, port);

  expect(await sweep()).toEqual({ ended: 0, kept: 0, failed: [] });
  backendIs(false, TCP, port);
  expect(await sweep({ lives: () => true })).toEqual({ ended: 0, kept: 1, failed: [] });
  const broken = once(one, 'error');
  expect(await sweep()).toEqual({ ended: 1, kept: 0, failed: [] });
  expect(await broken).toMatchObject([{ code: 'ECONNABORTED' }]);
  expect([other.destroyed, await sockOriginsMap(maps).entries()]).toEqual([false, []]);
  expect(await sweep()).toEqual({ ended: 0, kept: 0, failed: [] });
  other.destroy();
  server.close();
});

it('ends connected UDP sockets', async () => {
  const server = createSocket('udp4').bind(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const client = createSocket('udp4');
  client.connect(port, '127.0.0.1');
  await once(client, 'connect');
  await turned(UDP, client.address().port, port);
  const namespaces = ['/run/netns/mbr-none'];
  const broken = once(client, 'error');
  expect(await sweep({ namespaces, lives: () => true })).toEqual({ ended: 1, kept: 0, failed: namespaces });
  expect(await broken).toMatchObject([{ code: 'ECONNABORTED' }]);
  client.close();
  server.close();
});
