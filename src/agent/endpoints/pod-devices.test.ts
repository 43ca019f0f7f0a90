import { expect, it } from 'vitest';
import type { Link } from '../../datapath/index.ts';
import { hostIfnameOf } from '../../endpoint/index.ts';
import { endpointId, ifindex } from '../../model/index.ts';
import { parseMac } from '../../net/index.ts';
import { podDevices } from './pod-devices.ts';

const mac = parseMac('02:00:00:00:00:01');
const link = (index: number, name: string, up = true): Link => ({
  ifindex: ifindex(index),
  name,
  mac,
  mtu: 1500,
  up,
  isEthernet: true,
  isPort: false,
});
const pod = (id: number, up = true): Link => link(100 + id, hostIfnameOf(endpointId(id)), up);

it('are those that carry an endpoint’s name, recorded or not, and those that a list missed', async () => {
  const there = [pod(1), pod(2), pod(3, false), link(7, 'mbrw0')];
  const netdev = {
    listLinks: async () => there.filter(({ ifindex: index }) => index < 102 && index > 5),
    findLink: async (name: string) => there.find((one) => one.name === name),
  };
  const devices = await podDevices(netdev, [2, 3, 4].map(endpointId));
  expect(Array.from(devices, ([id, { ifindex: index, up }]) => [id, index, up])).toEqual([
    [1, 101, true],
    [2, 102, true],
    [3, 103, false],
  ]);
});
