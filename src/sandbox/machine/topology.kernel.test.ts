import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { tcpProbe } from '../kubelet/probes/network-actions.ts';
import { claimMachine } from '../testkit.ts';
import { attempt } from './command.ts';
import type { MachineLock } from './machine-lock.ts';
import { inNetnsArgv, listNetns } from './netns.ts';
import { listenInNetns } from './netns-socket.ts';
import { nodePlace } from './node-place.ts';
import { STATE_DIR } from './paths.ts';
import { isSandboxNetns, sweep } from './sweep.ts';
import { buildTopology, mountBpf, WORLD_BRIDGE, worldArgv } from './topology.ts';

const nodes = [nodePlace(1), nodePlace(2)];

let lock: MachineLock;
beforeAll(async () => {
  lock = await claimMachine();
  await sweep(silentLogger);
});
afterEach(() => sweep(silentLogger));
afterAll(() => lock.release());

async function pings(argv: string[]): Promise<boolean> {
  return (await attempt(argv)).code === 0;
}

describe('topology', () => {
  it('connects nodes with each other and with the world, and is swept without a trace', async () => {
    await mountBpf(readFileSync('/proc/mounts', 'utf8'));
    await buildTopology(nodes);
    const ping = (ip: string) => ['ping', '-c1', '-W1', ip];
    for (const argv of [
      inNetnsArgv(nodePlace(1).netnsPath, ping('172.18.0.3')),
      inNetnsArgv(nodePlace(2).netnsPath, ping('203.0.113.10')),
      worldArgv(ping('172.18.0.2')),
    ])
      await expect.poll(async () => await pings(argv)).toBe(true);
    // Sealed: no way out to the machine's own network.
    expect(await pings(worldArgv(ping('192.0.2.1')))).toBe(false);

    const route = await attempt(worldArgv(['ip', 'route', 'get', '10.244.2.77']));
    expect(route.stdout).toContain('via 172.18.0.3');
    const localnet = await attempt(
      inNetnsArgv(nodePlace(1).netnsPath, ['cat', '/proc/sys/net/ipv4/conf/all/route_localnet']),
    );
    expect(localnet.stdout.trim()).toBe('0');

    await sweep(silentLogger);
    await sweep(silentLogger);
    expect((await listNetns()).filter(isSandboxNetns)).toEqual([]);
    expect(existsSync(STATE_DIR)).toBe(false);
  });

  it('keeps the address by which nodes reach the world, whoever is plugged in', async () => {
    await buildTopology(nodes);
    const address = async (): Promise<string> => {
      const { stdout } = await attempt(worldArgv(['ip', '-j', 'link', 'show', WORLD_BRIDGE]));
      return (JSON.parse(stdout) as { address: string }[])[0]?.address ?? '';
    };
    const before = await address();
    expect(before).not.toBe('');
    // Lower than any, which a bridge without one of its own would take.
    const plug = 'ip link add mbrlow0 address 02:00:00:00:00:00 type veth peer name mbrlow1'.split(' ');
    for (const argv of [plug, ['ip', 'link', 'set', 'mbrlow0', 'master', WORLD_BRIDGE, 'up']])
      expect(await attempt(worldArgv(argv))).toMatchObject({ code: 0 });
    expect(await address()).toBe(before);
    await attempt(worldArgv(['ip', 'link', 'del', 'mbrlow0']));
    expect(await address()).toBe(before);
  });

  it('is swept when it was only half built, and can be built again', async () => {
    await buildTopology(nodes.slice(0, 1));
    await expect(buildTopology(nodes)).rejects.toThrowError(expect.objectContaining({ code: 'E_SANDBOX_COMMAND' }));
    await sweep(silentLogger);
    await buildTopology(nodes);
  });

  it('opens sockets in another namespace without leaving this one', async () => {
    await buildTopology(nodes.slice(0, 1));
    const path = nodePlace(1).netnsPath;
    const server = createServer((_, response) => void response.end('ok'));
    server.listen({ fd: listenInNetns(path, '127.0.0.1', 6443) });
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await tcpProbe({ netns: path, ip: '127.0.0.1' }, 6443, 60_000)).toEqual({ ok: true });
    expect(await tcpProbe({ netns: path, ip: '127.0.0.1' }, 6444, 60_000)).toEqual({
      ok: false,
      output: 'dial tcp 127.0.0.1:6444: connect: connection refused',
    });
    expect(await tcpProbe({ netns: '/proc/self/ns/net', ip: '127.0.0.1' }, 6443, 1_000)).toMatchObject({ ok: false });
    expect(() => listenInNetns(path, '127.0.0.1', 6443)).toThrowError(/EADDRINUSE/);
    server.close();
    server.closeAllConnections();
  });
});
