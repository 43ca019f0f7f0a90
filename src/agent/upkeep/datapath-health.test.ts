import { expect, it } from 'vitest';
import { Signal, silentLogger } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { FakeClock } from '../../base/testkit.ts';
import { DatapathHealth, type DatapathHealthOptions } from './datapath-health.ts';

type Fault = { what: string | undefined };

/** With no endpoints; `repair` of programs of sockets and of devices does what it is told. */
function health(sockets: Fault, devices: Fault, repair: (fault: Fault) => void) {
  const registry = createRegistry();
  const options = {
    generation: { isSettled: true, problems: [], maps: { unpinned: () => [], repin: () => undefined } },
    endpoints: { values: () => [], get: () => undefined },
    programs: { sharedDifference: () => undefined, differences: () => new Map() },
    devices: { problems: () => (devices.what === undefined ? [] : [devices.what]), look: async () => repair(devices) },
    sockets: { difference: () => sockets.what, attach: async () => repair(sockets) },
    broken: {},
    changed: new Signal(),
    registry,
    clock: new FakeClock(),
    log: silentLogger,
  };
  const made = new DatapathHealth(options as unknown as DatapathHealthOptions);
  const value = async (name: string): Promise<number | undefined> =>
    (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
  return { made, value };
}

it('puts right what differs, and counts it', async () => {
  const { made, value } = health({ what: 'connect4: no program' }, { what: "eth1: somebody else's" }, (fault) => {
    fault.what = undefined;
  });
  await made.look();
  expect(made.standing).toEqual([]);
  expect(await value('membrane_datapath_repairs_total')).toBe(2);
  await made.look();
  expect(await value('membrane_datapath_repairs_total')).toBe(2);
});

it('looks at what it repaired: what is wrong still is no repair', async () => {
  const { made, value } = health({ what: 'connect4: no program' }, { what: "eth1: somebody else's" }, () => undefined);
  await made.look();
  expect(made.standing).toEqual([
    "devices of the node: eth1: somebody else's, and that could not be put right",
    'programs of sockets: connect4: no program, and that could not be put right',
  ]);
  expect(await value('membrane_datapath_repairs_total')).toBe(0);
  expect(await value('membrane_datapath_problems')).toBe(2);
});

it('says why it could not', async () => {
  const { made } = health({ what: 'connect4: no program' }, { what: undefined }, () => {
    throw new Error('no memory');
  });
  await made.look();
  expect(made.standing).toEqual([
    'programs of sockets: connect4: no program, and that could not be put right: no memory',
  ]);
});
