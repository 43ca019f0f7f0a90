import { expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import type { Link } from '../../datapath/index.ts';
import { hostIfnameOf } from '../../endpoint/index.ts';
import { endpointId, type Ifindex, ifindex } from '../../model/index.ts';
import { parseMac } from '../../net/index.ts';
import { NodeDevices } from './node-devices.ts';

const UPLINK = 2;

function link(index: number, name: string, options: Partial<Link> = {}): Link {
  const mac = parseMac('02:00:00:00:00:01');
  return { ifindex: ifindex(index), name, mac, mtu: 1500, up: true, isEthernet: true, isPort: false, ...options };
}

const LOOPBACK = link(1, 'lo', { isEthernet: false });
const POD = link(9, hostIfnameOf(endpointId(7)));

class FakePrograms {
  wanted = 'a';
  readonly links = new Map<Ifindex, string>();
  readonly refused = new Set<number>();
  attached = 0;

  pinned = (): Ifindex[] => [...this.links.keys()];
  isAttached = (device: Ifindex): boolean => this.links.has(device);
  difference = (device: Ifindex): string | undefined =>
    this.links.get(device) === this.wanted ? undefined : `not ${this.wanted}`;
  attach = async (device: Ifindex): Promise<void> => {
    if (this.refused.has(device)) throw new Error('refused');
    this.attached += 1;
    this.links.set(device, this.wanted);
  };
  closed: number[] = [];
  closeLeftBehind = async (device: Ifindex): Promise<void> => {
    this.closed.push(device);
  };
  detach = async (device: Ifindex): Promise<void> => {
    this.links.delete(device);
  };
}

function scene(links: readonly Link[], configured?: readonly string[], overlay = 0) {
  const it = {
    links: [...links],
    programs: new FakePrograms(),
    missed: new Set<number>(),
    mayReplace: { value: true },
    clock: new FakeClock(0),
  };
  const devices = () =>
    new NodeDevices({
      links: { all: async () => it.links.filter(({ ifindex: index }) => !it.missed.has(index)) },
      netdev: { linkAt: async (index) => it.links.find((one) => one.ifindex === index) },
      programs: it.programs,
      mayReplace: () => it.mayReplace.value,
      uplink: ifindex(UPLINK),
      overlay: ifindex(overlay),
      configured,
      clock: it.clock,
      log: silentLogger,
    });
  return { ...it, it, devices, guarded: () => [...it.programs.links.keys()].toSorted((a, b) => a - b) };
}

it('guards what leads out of the node: no loopback, no port of a bridge, no pod', async () => {
  const port = link(4, 'eth2', { isPort: true });
  const { devices, guarded } = scene([LOOPBACK, link(UPLINK, 'eth0'), link(3, 'eth1'), port, link(5, 'br0'), POD]);
  await devices().look();
  expect(guarded()).toEqual([UPLINK, 3, 5]);
});

it('guards the uplink whatever it is, and otherwise what is configured', async () => {
  const { devices, guarded } = scene(
    [link(UPLINK, 'tun0', { isEthernet: false }), link(3, 'eth1'), link(4, 'x')],
    ['x'],
  );
  await devices().look();
  expect(guarded()).toEqual([UPLINK, 4]);
});

it('guards the device of the overlay, whatever is configured', async () => {
  const vxlan = link(7, 'mbr-vxlan', { isPort: true });
  const { devices, guarded } = scene([link(UPLINK, 'eth0'), link(3, 'eth1'), vxlan], ['eth0'], 7);
  await devices().look();
  expect(guarded()).toEqual([UPLINK, 7]);
});

it('closes what it cannot put right, and nothing else', async () => {
  const { devices, programs } = scene([link(UPLINK, 'eth0'), link(3, 'eth1'), link(4, 'eth2')]);
  await devices().look();
  programs.wanted = 'b';
  programs.refused.add(3).add(UPLINK);
  await devices().look();
  expect(programs.closed).toEqual([UPLINK, 3]);
});

it('touches nothing that is right, in a later life too, and swaps what changed', async () => {
  const { devices, programs } = scene([link(UPLINK, 'eth0'), link(3, 'eth1')]);
  await devices().look();
  const second = devices();
  await second.look();
  await second.look();
  expect(programs.attached).toBe(2);
  programs.links.delete(ifindex(3));
  await second.look();
  expect(programs.attached).toBe(3);
  programs.wanted = 'b';
  await devices().look();
  expect([...programs.links.values()]).toEqual(['b', 'b']);
});

it('leaves what is attached alone until what it should be is complete, and guards who has nothing', async () => {
  const { it: scenery, devices, programs } = scene([link(UPLINK, 'eth0')]);
  const service = devices();
  await service.look();
  programs.wanted = 'b';
  scenery.mayReplace.value = false;
  scenery.links = [link(UPLINK, 'eth0'), link(3, 'eth1')];
  await service.look();
  expect([...programs.links.values()]).toEqual(['a', 'b']);
  scenery.mayReplace.value = true;
  expect(service.problems()).toEqual(["the node's eth0: not b"]);
  await service.look();
  expect([...programs.links.values()]).toEqual(['b', 'b']);
});

it('follows devices that come and go', async () => {
  const { it: scenery, devices, guarded, clock } = scene([link(UPLINK, 'eth0'), link(3, 'eth1')]);
  const lifecycle = new Lifecycle({ log: silentLogger });
  const service = devices();
  await service.look();
  await lifecycle.start(service);
  scenery.links = [link(UPLINK, 'eth0'), link(6, 'eth5')];
  await clock.advance(10_000);
  expect(guarded()).toEqual([UPLINK, 6]);
  await lifecycle.stop();
});

it('keeps what a list missed', async () => {
  const { it: scenery, devices, guarded } = scene([link(UPLINK, 'eth0'), link(3, 'eth1')]);
  const service = devices();
  await service.look();
  scenery.missed.add(3);
  await service.look();
  expect(guarded()).toEqual([UPLINK, 3]);
});

it('does not serve without the uplink, and tries every other device again', async () => {
  const { devices, programs, guarded } = scene([link(UPLINK, 'eth0'), link(3, 'eth1')]);
  const service = devices();
  programs.refused.add(3);
  await service.look();
  expect(guarded()).toEqual([UPLINK]);
  programs.refused.clear();
  await service.look();
  expect(guarded()).toEqual([UPLINK, 3]);
  programs.links.clear();
  programs.refused.add(UPLINK);
  await expect(devices().look()).rejects.toThrow('refused');
});
