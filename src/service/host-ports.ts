import { type NamespacedName, nameParts, namespacedName } from '../base/index.ts';
import type { Backend, Frontend, HostPort, ServiceProblem, ServiceProtocol } from '../model/index.ts';
import { type Addr, parseAddr } from '../net/index.ts';
import { Problems } from './problems.ts';
import { ipv4Of } from './special-addresses.ts';

/** A pod of this node that is connected, and wants ports of the node. */
export type HostPortPod = {
  readonly namespace: string;
  readonly name: string;
  readonly addr: Addr;
  readonly hostPorts: readonly HostPort[];
};

export type HostPortContext = {
  /** Of this node's devices, without 127/8. */
  readonly nodeAddresses: readonly Addr[];
  /** Ports that no pod may have, whoever uses them now. */
  readonly reserved: readonly { readonly min: number; readonly max: number }[];
  /** Has a process of the node this place? */
  readonly isBound: (protocol: ServiceProtocol, addr: Addr, port: number) => boolean;
};

const LOOPBACK = parseAddr('127.0.0.1');
const EVERYWHERE = new Set(['', '0.0.0.0', '::']);

const POD = 'pod:';

/** `namespace/pod:name`: stands where a service's name does, and cannot be one. */
export function hostPortOwner({ namespace, name }: Pick<HostPortPod, 'namespace' | 'name'>): NamespacedName {
  return namespacedName({ namespace, name: `${POD}${name}` });
}

/** The pod behind an owner; undefined: a service. */
export function podOfOwner(owner: NamespacedName): NamespacedName | undefined {
  const { namespace, name } = nameParts(owner);
  return name.startsWith(POD) ? namespacedName({ namespace, name: name.slice(POD.length) }) : undefined;
}

/**
 * A frontend for each address of the node that a pod wants a port at, with the pod as its only backend. Refused with a
 * problem: addresses that are not the node's, ports that are reserved or that a process of the node has.
 */
export function hostPortsOf(
  pod: HostPortPod,
  context: HostPortContext,
): { readonly frontends: readonly Frontend[]; readonly problems: readonly ServiceProblem[] } {
  const problems = new Problems();
  const frontends = pod.hostPorts.flatMap((port): Frontend[] => {
    const { protocol, hostPort, hostIP } = port;
    const text = `hostPort ${protocol} ${hostIP.slice(0, 64)}:${hostPort}`;
    if (context.reserved.some(({ min, max }) => hostPort >= min && hostPort <= max)) {
      problems.add('HostPortRefused', `${text} is reserved for the node`);
      return [];
    }
    const addresses = addressesOf(hostIP, context);
    if (addresses.length === 0) problems.add('HostPortRefused', `${text}: this node does not have that address`);
    const free = addresses.filter((addr) => !context.isBound(protocol, addr, hostPort));
    if (free.length < addresses.length) {
      problems.add('HostPortTaken', `${text} belongs to a process of the node`);
    }
    return free.map((addr) => frontendOf(pod, port, addr));
  });
  return { frontends, problems: problems.list() };
}

function addressesOf(hostIP: string, { nodeAddresses }: HostPortContext): readonly Addr[] {
  if (EVERYWHERE.has(hostIP)) return nodeAddresses;
  const addr = ipv4Of(hostIP);
  // Other addresses of 127/8 are no place that anybody asks for, and one of them is enough to guard.
  return addr !== undefined && (addr === LOOPBACK || nodeAddresses.includes(addr)) ? [addr] : [];
}

function frontendOf(pod: HostPortPod, { protocol, hostPort, containerPort }: HostPort, addr: Addr): Frontend {
  const name = namespacedName(pod);
  const backends: readonly Backend[] = [
    { addr: pod.addr, port: containerPort, protocol, state: 'ready', pod: name, local: true },
  ];
  return {
    kind: 'HostPort',
    addr,
    port: hostPort,
    protocol,
    service: hostPortOwner(pod),
    portName: String(containerPort),
    affinitySeconds: 0,
    backends,
    // Nobody outside can mean the node's loopback.
    externalBackends: addr === LOOPBACK ? [] : backends,
    draining: [],
    internalLocal: false,
    externalLocal: false,
  };
}
