import type { Clock, Logger, Signal } from '../../base/index.ts';
import { Gauge, Histogram, type Registry } from '../../base/metrics.ts';
import { type Intent, livingAddresses, type ObjectProblems } from '../../cluster/index.ts';
import { type ServiceMaps, serviceMapSizes } from '../../datapath/index.ts';
import type { Addr } from '../../net/index.ts';
import {
  HostPortPods,
  type LocalPod,
  ServiceEngine,
  ServiceFollower,
  ServiceInstaller,
  ServiceLeftovers,
} from '../../plane/index.ts';
import { ServiceShares } from '../../service/index.ts';
import { type AgentConfig, reservedNumbers, type StateFiles } from '../node/index.ts';
import { boundSockets } from './bound-sockets.ts';
import { ServiceHealth } from './service-health.ts';
import { StaleSockets, type StaleSocketsOptions } from './stale-sockets.ts';

export type ServicesOptions = {
  readonly config: AgentConfig;
  readonly maps: ServiceMaps;
  readonly intent: Intent;
  readonly state: Pick<StateFiles, 'read' | 'writeJson'>;
  readonly nodeAddresses: () => readonly Addr[];
  readonly problems: ObjectProblems;
  /** Endpoints of this node came or went. */
  readonly endpointsChanged: Signal;
  readonly localPods: () => Iterable<LocalPod>;
  /** Ends sockets of backends that are gone, but for TCP to addresses that live. */
  readonly endStale: (lives: (addr: Addr) => boolean) => ReturnType<StaleSocketsOptions['end']>;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
};

export type Services = {
  readonly engine: ServiceEngine;
  readonly health: ServiceHealth;
  readonly sockets: StaleSockets;
  readonly follower: ServiceFollower;
  readonly installer: ServiceInstaller;
  readonly hostPorts: HostPortPods;
};

/** The part of the agent that steers services, with what an earlier life left in the kernel. */
export async function openServices(options: ServicesOptions): Promise<Services> {
  const { config, maps, intent, state, registry, nodeAddresses, clock, log } = options;
  const left = await ServiceLeftovers.read(maps);
  const numbers = reservedNumbers(state, 'service-numbers');
  const { nodeName, serviceAddressRanges: addressRanges, nodePortRange: nodePorts } = config;
  const maglevSize = config.loadBalancing === 'maglev' ? config.maglevTableSize : undefined;
  const shares = new ServiceShares({ sizes: serviceMapSizes(maps), part: config.namespaceServiceShare / 100 });
  const hostPorts = new HostPortPods({
    intent,
    nodeAddresses,
    localPods: options.localPods,
    reservedHostPorts: config.reservedHostPorts,
    boundSockets,
  });
  const follower = new ServiceFollower({
    intent,
    nodeName,
    nodeAddresses,
    addressRanges,
    nodePorts,
    hostPorts,
    shares,
    maglevSize,
  });
  const installer = new ServiceInstaller({ maps, numbers, left, maglevSize });
  const sockets = new StaleSockets({ end: () => options.endStale(livingAddresses(intent)), clock, log });
  const health = new ServiceHealth({ log });
  const passTimes = new Histogram({
    name: 'membrane_service_pass_seconds',
    help: 'From the first event about services to the last write into the kernel',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [registry],
  });
  const engine = new ServiceEngine({
    intent,
    follower,
    installer,
    hostPorts,
    hashSlots: maglevSize ?? 0,
    clock,
    log,
    passTimes,
    problems: options.problems,
    onService: (service, frontends) => health.update(service, intent.services.get(service), frontends),
  });
  engine.backendsGone.listen(() => sockets.look());
  const { services, slices, nodes, pods } = intent;
  for (const { changed } of [services, slices]) changed.listen(() => engine.kick());
  for (const changed of [nodes.changed, pods.changed, options.endpointsChanged]) {
    changed.listen(() => engine.kick({ refresh: true }));
  }
  registerMetrics(registry, installer, engine);
  return { engine, health, sockets, follower, installer, hostPorts };
}

function registerMetrics(registry: Registry, installer: ServiceInstaller, engine: ServiceEngine): readonly Gauge[] {
  return [
    new Gauge({
      name: 'membrane_service_count',
      help: 'What of services is in the kernel',
      labelNames: ['what'],
      registers: [registry],
      collect() {
        for (const [what, count] of Object.entries(installer.counts)) this.set({ what }, count);
        this.set({ what: 'refused' }, engine.refused.size);
      },
    }),
  ];
}
