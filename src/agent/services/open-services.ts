import type { Service } from '../../base/index.ts';
import { endStaleSockets, SocketRows } from '../../datapath/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import { findCgroupRoot, machineCgroups } from './cgroup-root.ts';
import { ServiceHooks } from './service-hooks.ts';
import { type Services, serveServices } from './services.ts';

export type NodeServices = {
  /** Takes the programs off where services are off. */
  readonly hooks: ServiceHooks;
  /** Undefined, as `services`: services are off. */
  readonly rows: SocketRows | undefined;
  readonly services: Services | undefined;
  /** To be started when the hooks and the devices are. */
  readonly servers: readonly Service[];
};

export function openServices({ config, kernel, registry, clock, log }: AgentNode, plane: Plane): NodeServices {
  const { maps, base, specs, running, mayReplace } = kernel;
  const hooks = new ServiceHooks({
    spec: specs.sock,
    maps,
    config: base,
    findCgroup: () => config.cgroup ?? findCgroupRoot(machineCgroups()),
    pinDir: config.pinDir,
    running,
    mayReplace,
    clock,
    log,
  });
  if (plane.services === undefined) return { hooks, rows: undefined, services: undefined, servers: [] };
  const rows = SocketRows.load(specs.sockets, maps, base);
  const services = serveServices({
    plane,
    services: plane.services,
    endStale: (lives) => {
      const namespaces = plane.endpoints.values().map(({ record }) => record.netns);
      return endStaleSockets({ maps, rows, namespaces, lives });
    },
    registry,
    clock,
    log,
  });
  return { hooks, rows, services, servers: [services.health, services.sockets, services.engine] };
}
