import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ifindex } from '../../model/index.ts';
import { Prefix, parseAddr, parseMac } from '../../net/index.ts';
import { arrivesJoined, setGro } from './gro.ts';
import { OverlayNetdev, type OverlaySpec } from './overlay-netdev.ts';

const SPEC: OverlaySpec = { name: 'mbr-overlay', mac: parseMac('0a:58:a9:fe:01:01'), mtu: 1450, port: 8472 };
const SOURCE = parseAddr('172.18.0.2');

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const routes = (): string[] =>
  ip('route', 'show', 'dev', SPEC.name)
    .trim()
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [line.trim()]));

let netdev: OverlayNetdev;

beforeEach(() => {
  netdev = new OverlayNetdev();
  ip('address', 'add', `${SOURCE}/32`, 'dev', 'lo');
});

afterEach(async () => {
  await netdev.remove(SPEC.name);
  netdev.close();
  ip('address', 'del', `${SOURCE}/32`, 'dev', 'lo');
});

test('a device that carries identities, learns nothing and asks nobody', async () => {
  const link = await netdev.ensure(SPEC);
  expect(link).toMatchObject({ name: SPEC.name, mac: SPEC.mac, mtu: 1450, up: false });
  await netdev.raise(link);
  expect(await netdev.ensure(SPEC)).toEqual({ ...link, up: true });
  const shown = ip('-d', 'link', 'show', SPEC.name);
  for (const word of ['external', 'gbp', 'dstport 8472', 'NOARP', 'nolearning']) expect(shown).toContain(word);
});

test('the device that is there is taken over, with another MTU if need be', async () => {
  const { ifindex: before } = await netdev.ensure(SPEC);
  expect(await netdev.ensure({ ...SPEC, mtu: 1400 })).toMatchObject({ ifindex: before, mtu: 1400 });
});

test('another device of the name, or with another port, is replaced; one that is gone gets its index again', async () => {
  ip('link', 'add', SPEC.name, 'type', 'veth', 'peer', 'name', 'mbr-peer');
  const { ifindex: first } = await netdev.ensure(SPEC);
  const { ifindex: second } = await netdev.ensure({ ...SPEC, port: 8473 });
  expect(second).not.toBe(first);
  expect(await netdev.remove(SPEC.name)).toBe(true);
  expect(await netdev.remove(SPEC.name)).toBe(false);
  expect((await netdev.ensure(SPEC, ifindex(second))).ifindex).toBe(second);
});

test('a device puts packets together or leaves them as they come, and who else did is known', async () => {
  const { name } = await netdev.ensure(SPEC);
  const shown = (): string | undefined =>
    /generic-receive-offload: (\w+)/.exec(execFileSync('ethtool', ['-k', name], { encoding: 'utf8' }))?.[1];
  for (const on of [false, true, false]) {
    setGro(name, on);
    expect([shown(), arrivesJoined(name)]).toEqual([on ? 'on' : 'off', on]);
  }
  // It does not put them together, and nobody cut them.
  ip('link', 'add', 'mbr-foreign', 'type', 'veth', 'peer', 'name', 'mbr-peer');
  try {
    expect(arrivesJoined('mbr-foreign')).toBe(true);
  } finally {
    ip('link', 'del', 'mbr-foreign');
  }
  expect(() => setGro('mbr-foreign', false)).toThrow(expect.objectContaining({ code: 'E_DATAPATH_NETLINK' }));
});

test('routes are what is wanted and no more', async () => {
  const link = await netdev.ensure(SPEC);
  await netdev.raise(link);
  const { ifindex: index } = link;
  const ranges = ['10.244.2.0/24', '10.244.3.0/24'].map((text) => Prefix.parse(text));
  for (let i = 0; i < 2; i += 1) {
    await netdev.route(index, ranges, SOURCE);
    expect(routes()).toEqual(ranges.map((range) => `${range.toString()} proto static scope link src ${SOURCE}`));
  }
  await netdev.route(index, ranges.slice(1), SOURCE);
  expect(routes()).toEqual([`10.244.3.0/24 proto static scope link src ${SOURCE}`]);
  await netdev.route(index, [], SOURCE);
  expect(routes()).toEqual([]);
});

test('a route that somebody else has to a range stays his, and is told of', async () => {
  const link = await netdev.ensure(SPEC);
  await netdev.raise(link);
  const { ifindex: index } = link;
  const ranges = ['10.244.2.0/24', '10.244.3.0/24'].map((text) => Prefix.parse(text));
  ip('link', 'add', 'mbr-foreign', 'type', 'veth', 'peer', 'name', 'mbr-peer');
  try {
    for (const name of ['mbr-foreign', 'mbr-peer']) ip('link', 'set', name, 'up');
    ip('route', 'add', '10.244.2.0/24', 'dev', 'mbr-foreign');
    expect((await netdev.route(index, ranges, SOURCE)).map(String)).toEqual(['10.244.2.0/24']);
    expect(ip('route', 'show', '10.244.2.0/24')).toContain('dev mbr-foreign');
    expect(routes()).toEqual([`10.244.3.0/24 proto static scope link src ${SOURCE}`]);
    // One of another metric is beside ours.
    ip('route', 'replace', '10.244.3.0/24', 'dev', 'mbr-foreign', 'metric', '50');
    ip('route', 'del', '10.244.2.0/24', 'dev', 'mbr-foreign');
    expect(await netdev.route(index, ranges, SOURCE)).toEqual([]);
    expect(routes()).toHaveLength(2);
  } finally {
    ip('link', 'del', 'mbr-foreign');
  }
});

test('a route from another source becomes the one that is wanted', async () => {
  const link = await netdev.ensure(SPEC);
  await netdev.raise(link);
  const ranges = [Prefix.parse('10.244.2.0/24')];
  const other = parseAddr('172.18.0.9');
  ip('address', 'add', `${other}/32`, 'dev', 'lo');
  try {
    await netdev.route(link.ifindex, ranges, other);
    expect(await netdev.route(link.ifindex, ranges, SOURCE)).toEqual([]);
    expect(routes()).toEqual([`10.244.2.0/24 proto static scope link src ${SOURCE}`]);
  } finally {
    ip('address', 'del', `${other}/32`, 'dev', 'lo');
  }
});
