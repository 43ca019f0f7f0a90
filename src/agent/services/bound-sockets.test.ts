import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseAddr } from '../../net/index.ts';
import { boundSockets } from './bound-sockets.ts';

const OTHER = parseAddr('192.0.2.1');
const LOOPBACK = parseAddr('127.0.0.1');

describe('boundSockets', () => {
  it('knows who listens at one address and who at all', async () => {
    const one = createServer().listen(0, '127.0.0.1');
    const all = createServer().listen(0, '::');
    await Promise.all([once(one, 'listening'), once(all, 'listening')]);
    const [port, everywhere] = [one, all].map((server) => (server.address() as AddressInfo).port);
    const isBound = boundSockets();
    expect(isBound('TCP', LOOPBACK, port ?? 0)).toBe(true);
    expect(isBound('TCP', OTHER, port ?? 0)).toBe(false);
    expect(isBound('UDP', LOOPBACK, port ?? 0)).toBe(false);
    expect(isBound('TCP', OTHER, everywhere ?? 0)).toBe(true);
    one.close();
    all.close();
  });

  it('of datagrams: a receiver, not a client that is connected', async () => {
    const receiver = createSocket('udp4').bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const client = createSocket('udp4');
    client.connect(receiver.address().port, '127.0.0.1');
    await once(client, 'connect');
    const isBound = boundSockets();
    expect(isBound('UDP', LOOPBACK, receiver.address().port)).toBe(true);
    expect(isBound('UDP', LOOPBACK, client.address().port)).toBe(false);
    receiver.close();
    client.close();
  });

  it('an IPv4 address of an IPv6 socket', () => {
    const row = '   0: 0000000000000000FFFF0000020012AC:1F90 00000000000000000000000000000000:0000 0A';
    const isBound = boundSockets((table) => (table === 'tcp6' ? `head\n${row}\n` : 'head\n'));
    expect(isBound('TCP', parseAddr('172.18.0.2'), 8080)).toBe(true);
    expect(isBound('TCP', OTHER, 8080)).toBe(false);
  });
});
