import { ConntrackCollector } from '../../datapath/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { NodeDevices } from '../devices/index.ts';
import type { Endpoints } from '../endpoints/index.ts';
import type { AgentNode } from '../node/index.ts';
import type { NodeServices } from '../services/index.ts';
import { Collection } from './conntrack-collector.ts';
import { DatapathHealth } from './datapath-health.ts';
import { StartGarbage } from './start-garbage.ts';
import { Switchover } from './switchover.ts';

export type Upkeep = {
  readonly collection: Collection;
  readonly switchover: Switchover;
  readonly health: DatapathHealth;
  readonly startGarbage: StartGarbage;
};

export type UpkeepParts = {
  readonly plane: Plane;
  readonly devices: NodeDevices;
  readonly endpoints: Endpoints;
  readonly services: NodeServices;
};

export function openUpkeep(node: AgentNode, { plane, devices, endpoints, services }: UpkeepParts): Upkeep {
  const { config, kernel, registry, clock, log } = node;
  const { specs, maps, base, generation } = kernel;
  const { programs, broken, addressing } = endpoints;
  const { hooks, rows: sockets } = services;
  const { engine, installer } = plane;
  const collection = new Collection({
    collector: ConntrackCollector.load(specs.conntrack, maps, base),
    sockets,
    capacity: maps.spec('conntrack').maxEntries,
    intervalMs: config.ctGcInterval * 1000,
    clock,
    log,
  });
  collection.collected.listen(() => addressing.collected(clock.elapsed()));
  const both = { generation, endpoints: plane.endpoints, programs, devices, broken, clock, log };
  const isWritten = (): boolean =>
    engine.converged && installer.building === 0 && (plane.services?.engine.converged ?? true);
  const switchover = new Switchover({ ...both, attachSockets: async () => await hooks.attach(), isWritten });
  const health = new DatapathHealth({ ...both, sockets: hooks, changed: plane.endpointsChanged, registry });
  const passes = (): number => engine.begun + (plane.services?.engine.begun ?? 0);
  return { collection, switchover, health, startGarbage: new StartGarbage({ isOver: isWritten, passes, clock }) };
}
