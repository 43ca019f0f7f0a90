import type { Clock, Logger, Signal } from '../../base/index.ts';
import type { Intent, ObjectProblems } from '../../cluster/index.ts';
import { type AffinityMap, type ServiceMaps, serviceMapSizes } from '../../datapath/index.ts';
import { isConnected } from '../../endpoint/index.ts';
import { type MaglevSize, ServiceShares } from '../../service/index.ts';
import type { EndpointTable } from '../endpoint-table.ts';
import type { PassTimes } from '../passes.ts';
import type { NumberReserve } from '../revisions/index.ts';
import { HostPortPods, type HostPortPodsOptions, type LocalPod } from './host-port-pods.ts';
import { ServiceEngine } from './service-engine.ts';
import { ServiceFollower, type ServiceFollowerOptions } from './service-follower.ts';
import { ServiceInstaller } from './service-installer.ts';
import { ServiceLeftovers } from './service-leftovers.ts';
import { ServiceProver } from './service-prover.ts';

export type PlaneServicesOptions = Pick<ServiceFollowerOptions, 'addressRanges' | 'nodePorts'> &
  Pick<HostPortPodsOptions, 'reservedHostPorts' | 'boundSockets'> & {
    readonly maps: ServiceMaps;
    /** Read only, to prove what is in it. */
    readonly affinity: AffinityMap;
    /** Of services, backend sets and backends. */
    readonly numbers: NumberReserve;
    /** Part of the maps that a namespace may have: 0 to 1. */
    readonly namespaceShare: number;
    /** Undefined: clients from outside get any backend. */
    readonly maglevSize: MaglevSize | undefined;
    readonly passTimes?: PassTimes | undefined;
  };

/** What of the plane they share with policy. */
export type PlaneServicesParts = {
  readonly intent: Intent;
  readonly endpoints: EndpointTable;
  readonly problems: ObjectProblems;
  readonly endpointsChanged: Signal;
  readonly nodeName: string;
  readonly nodeAddresses: ServiceFollowerOptions['nodeAddresses'];
  readonly clock: Clock;
  readonly log: Logger;
};

/** Everything that decides about services on one node. */
export type PlaneServices = {
  readonly follower: ServiceFollower;
  readonly installer: ServiceInstaller;
  readonly hostPorts: HostPortPods;
  readonly engine: ServiceEngine;
  readonly prover: ServiceProver;
};

/** Reads what an earlier life left; writes nothing before the engine starts. */
export async function openPlaneServices(
  options: PlaneServicesOptions,
  parts: PlaneServicesParts,
): Promise<PlaneServices> {
  const { maps, numbers, maglevSize, addressRanges, nodePorts, reservedHostPorts, boundSockets } = options;
  const { intent, problems, nodeName, nodeAddresses, clock, log } = parts;
  const left = await ServiceLeftovers.read(maps);
  const shares = new ServiceShares({ sizes: serviceMapSizes(maps), part: options.namespaceShare });
  const localPods = () => localPodsOf(parts.endpoints);
  const hostPorts = new HostPortPods({ intent, nodeAddresses, localPods, reservedHostPorts, boundSockets });
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
  const engine = new ServiceEngine({
    intent,
    follower,
    installer,
    hostPorts,
    hashSlots: maglevSize ?? 0,
    problems,
    passTimes: options.passTimes,
    clock,
    log,
  });
  const { services, slices, nodes, nodeSlices, pods } = intent;
  for (const { changed } of [services, slices]) changed.listen(() => engine.kick());
  // Of all that nodes tell of their pods next to nothing is about services.
  nodeSlices.changed.listen(() => {
    if (follower.lookAtHostPods() || !engine.converged) engine.kick();
  });
  for (const changed of [nodes.changed, pods.changed, parts.endpointsChanged]) {
    changed.listen(() => engine.kick({ refresh: true }));
  }
  const { affinity } = options;
  const prover = new ServiceProver({ follower, installer, engine, maps, affinity, maglevSize });
  return { follower, installer, hostPorts, engine, prover };
}

function localPodsOf(endpoints: EndpointTable): LocalPod[] {
  return endpoints
    .values()
    .filter(({ state }) => isConnected(state))
    .map(({ record: { pod, addr } }) => ({ ...pod, addr }));
}
