/** What decides about services on one node, on maps in memory. */

import { silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { Intent, ObjectProblems } from '../../cluster/index.ts';
import { type AffinityMap, type ServiceMaps, serviceMapSizes } from '../../datapath/index.ts';
import { fakeAffinityMap } from '../../datapath/maps/testkit.ts';
import type { ObjectRow } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { type MaglevSize, ServiceShares } from '../../service/index.ts';
import type { Table } from '../../table/index.ts';
import { HostPortPods } from './host-port-pods.ts';
import { ServiceEngine } from './service-engine.ts';
import { ServiceFollower } from './service-follower.ts';
import { ServiceInstaller } from './service-installer.ts';
import { ServiceLeftovers } from './service-leftovers.ts';
import { ServiceProver } from './service-prover.ts';

/** An installer that finds what is in the maps; its numbers are above all that are there. */
export async function installerOn(maps: ServiceMaps, maglevSize?: MaglevSize): Promise<ServiceInstaller> {
  const left = await ServiceLeftovers.read(maps);
  const next = 1 + Array.from(left.numbers()).reduce((most, number) => Math.max(most, number), 0);
  return new ServiceInstaller({ maps, left, maglevSize, numbers: { next, reserve: () => undefined } });
}

export type ServiceNodeOptions = {
  readonly clock?: FakeClock;
  readonly addressRanges?: readonly string[];
  readonly sharesOf?: ServiceMaps;
  readonly maglevSize?: MaglevSize | undefined;
  readonly affinity?: AffinityMap;
};

/** `node-1` with the address 172.18.0.2; nothing was heard of yet. `sharesOf`: maps whose sizes shares are parts of. */
export async function serviceNode(
  maps: ServiceMaps,
  {
    clock = new FakeClock(1_000_000),
    addressRanges = ['192.0.2.0/24'],
    sharesOf = maps,
    maglevSize,
    affinity = fakeAffinityMap(),
  }: ServiceNodeOptions = {},
) {
  const intent = new Intent();
  const hostPorts = new HostPortPods({
    intent,
    nodeAddresses: () => [],
    localPods: () => [],
    reservedHostPorts: [],
    boundSockets: () => () => false,
  });
  const follower = new ServiceFollower({
    intent,
    nodeName: 'node-1',
    nodeAddresses: () => [parseAddr('172.18.0.2')],
    addressRanges: addressRanges.map((range) => Prefix.parse(range)),
    nodePorts: { min: 30_000, max: 32_767 },
    hostPorts,
    shares: new ServiceShares({ sizes: serviceMapSizes(sharesOf), part: 1 / 4 }),
    maglevSize,
  });
  const installer = await installerOn(maps, maglevSize);
  /** How long each took, ms. */
  const passes: number[] = [];
  const engine = new ServiceEngine({
    intent,
    follower,
    installer,
    hostPorts,
    hashSlots: maglevSize ?? 0,
    clock,
    log: silentLogger,
    problems: new ObjectProblems(),
    passTimes: { observe: (seconds) => passes.push(seconds * 1_000) },
  });
  const put = <T extends ObjectRow>(table: Table<T>, ...rows: T[]): void =>
    table.apply({ upserts: rows, deletes: [], synced: true });
  const drop = <T extends ObjectRow>(table: Table<T>, ...rows: T[]): void =>
    table.apply({ upserts: [], deletes: rows, synced: true });
  const settle = async (refresh = false): Promise<void> => {
    engine.kick({ refresh });
    await engine.idle();
  };
  const prover = new ServiceProver({ follower, installer, engine, maps, affinity, maglevSize });
  return { intent, follower, installer, engine, prover, clock, put, drop, settle, passes };
}

/** Frontend -> addresses of its backends in order. */
export async function served(maps: ServiceMaps): Promise<Record<string, string[]>> {
  const rows = (await maps.services.entries()).map(([key, { revision, count }]): [string, string[]] => {
    const ids = Array.from({ length: count }, (_, slot) => maps.slots.get({ revision, slot })?.backend ?? 0);
    return [`${key.scope} ${key.addr}:${key.port}`, ids.map((id) => maps.backends.get(id)?.addr ?? 'nothing')];
  });
  return Object.fromEntries(rows);
}
