import type { Clock, Logger } from '../../base/index.ts';
import { byLabel, Histogram, type Registry, readGauge } from '../../base/metrics.ts';
import { livingAddresses } from '../../cluster/index.ts';
import type { AffinityMap, ServiceMaps } from '../../datapath/index.ts';
import type { Addr } from '../../net/index.ts';
import type { Plane, PlaneServices, PlaneServicesOptions } from '../../plane/index.ts';
import { type AgentConfig, reservedNumbers, type StateFiles } from '../node/index.ts';
import { boundSockets } from './bound-sockets.ts';
import { ServiceHealth } from './service-health.ts';
import { StaleSockets, type StaleSocketsOptions } from './stale-sockets.ts';

/** What of this node decides about services. */
export function servicesOfNode({
  config,
  maps,
  affinity,
  state,
  registry,
}: {
  readonly config: AgentConfig;
  readonly maps: ServiceMaps;
  readonly affinity: AffinityMap;
  readonly state: Pick<StateFiles, 'read' | 'writeJson'>;
  readonly registry: Registry;
}): PlaneServicesOptions {
  return {
    maps,
    affinity,
    numbers: reservedNumbers(state, 'service-numbers'),
    addressRanges: config.serviceAddressRanges,
    nodePorts: config.nodePortRange,
    reservedHostPorts: config.reservedHostPorts,
    namespaceShare: config.namespaceServiceShare / 100,
    maglevSize: config.loadBalancing === 'maglev' ? config.maglevTableSize : undefined,
    boundSockets,
    passTimes: new Histogram({
      name: 'membrane_service_pass_seconds',
      help: 'From the first event about services to the last write into the kernel',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers: [registry],
    }),
  };
}

export type ServeServicesOptions = {
  readonly plane: Pick<Plane, 'intent' | 'cluster'>;
  readonly services: PlaneServices;
  /** Ends sockets of backends that are gone, but for TCP to addresses that live. */
  readonly endStale: (lives: (addr: Addr) => boolean) => ReturnType<StaleSocketsOptions['end']>;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
};

export type Services = PlaneServices & { readonly health: ServiceHealth; readonly sockets: StaleSockets };

/** What this node does for services beside having them in the kernel. */
export function serveServices({ plane, services, endStale, registry, clock, log }: ServeServicesOptions): Services {
  const { intent, cluster } = plane;
  const { engine } = services;
  const sockets = new StaleSockets({ end: () => endStale(livingAddresses(intent, cluster.elsewhere)), clock, log });
  engine.backendsGone.listen(() => sockets.look());
  const health = new ServiceHealth({ services: intent.services, written: engine.written, log });
  registerMetrics(registry, services);
  return { ...services, health, sockets };
}

function registerMetrics(registry: Registry, { installer, engine }: PlaneServices): void {
  readGauge(registry, {
    name: 'membrane_services',
    help: 'What of services is in the kernel',
    labelNames: ['what'],
    read: () => byLabel('what', Object.entries({ ...installer.counts, refused: engine.refused.size })),
  });
}
