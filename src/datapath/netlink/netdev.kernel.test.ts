import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { macOfAddr, parseAddr, parseMac } from '../../net/index.ts';
import { Netdev, type PodDevice } from './netdev.ts';

const NETNS = `mbr-test-${process.pid}`;
const HOST = 'mbrfff1';

const pod: PodDevice = {
  netns: `/run/netns/${NETNS}`,
  device: 'eth0',
  addr: parseAddr('10.255.255.2'),
  gateway: parseAddr('169.254.1.1'),
  gatewayMac: parseMac('0a:58:a9:fe:01:01'),
};
const veth = {
  name: HOST,
  mac: pod.gatewayMac,
  peerName: 'eth0',
  peerMac: macOfAddr(pod.addr),
  mtu: 1450,
};

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const inPod = (...args: string[]): string => ip('-n', NETNS, ...args);

describe('Netdev', () => {
  let netdev: Netdev;

  beforeEach(() => {
    ip('netns', 'add', NETNS);
    netdev = Netdev.open();
  });

  afterEach(async () => {
    await netdev.deleteLink(HOST);
    netdev.close();
    ip('netns', 'delete', NETNS);
  });

  it('creates a pair whose pod end is never in this namespace, both ends down', async () => {
    const link = await netdev.createVeth(veth, pod.netns);
    expect(link).toMatchObject({ name: HOST, mac: veth.mac, mtu: 1450, up: false });
    expect(inPod('link', 'show', 'eth0')).toMatch(/state DOWN/);
    expect(inPod('link', 'show', 'eth0')).toContain(veth.peerMac);
    expect(readFileSync(`/proc/sys/net/ipv4/conf/${HOST}/route_localnet`, 'utf8').trim()).toBe('0');
    expect((await netdev.listLinks('mbr')).map((l) => l.name)).toContain(HOST);
    await expect(netdev.createVeth(veth, pod.netns)).rejects.toMatchObject({ code: 'E_DATAPATH_NETLINK' });
  });

  it('configures both sides so that the check finds nothing, again and again', async () => {
    const link = await netdev.createVeth(veth, pod.netns);
    const path = { ifindex: link.ifindex, addr: pod.addr, mac: veth.peerMac };
    for (let i = 0; i < 2; i += 1) {
      await netdev.configurePod(pod);
      await netdev.openPath(path);
      expect(await netdev.checkHost(veth, path)).toEqual([]);
      expect(await netdev.checkPod(pod, veth)).toEqual([]);
    }
    expect(inPod('addr', 'show', 'eth0')).toContain('inet 10.255.255.2/32');
    expect(inPod('addr', 'show', 'eth0')).not.toContain('inet6');
    expect(inPod('route')).toMatch(/default via 169.254.1.1 dev eth0/);
    expect(inPod('neigh')).toMatch(/169.254.1.1 .*0a:58:a9:fe:01:01 PERMANENT/);
    expect(ip('route', 'show', 'dev', HOST)).toMatch(/10.255.255.2 .*scope link/);
  });

  it('names what is missing', async () => {
    expect(await netdev.checkHost(veth, { addr: pod.addr, mac: veth.peerMac })).toEqual([`there is no device ${HOST}`]);
    const link = await netdev.createVeth(veth, pod.netns);
    const path = { ifindex: link.ifindex, addr: pod.addr, mac: veth.peerMac };
    expect(await netdev.checkHost(veth, path)).toEqual([
      `${HOST} is down`,
      `${HOST} lacks route to 10.255.255.2`,
      `${HOST} lacks permanent neighbour 10.255.255.2 at 0a:58:0a:ff:ff:02`,
    ]);
    await netdev.configurePod(pod);
    inPod('route', 'delete', 'default');
    inPod('link', 'set', 'eth0', 'mtu', '1400');
    expect(await netdev.checkPod(pod, veth)).toEqual([
      'eth0 has the MTU 1400, expected 1450',
      'eth0 lacks route to default via 169.254.1.1',
    ]);
  });

  it('says which namespace is gone, and deletes what is gone', async () => {
    await expect(netdev.createVeth(veth, '/run/netns/mbr-no-such')).rejects.toMatchObject({ code: 'E_DATAPATH_NETNS' });
    await expect(netdev.configurePod(pod)).rejects.toMatchObject({
      code: 'E_DATAPATH_NETLINK',
      message: expect.stringContaining('eth0'),
    });
    await netdev.deleteLink(HOST);
    await netdev.deleteLink(HOST);
  });
});
