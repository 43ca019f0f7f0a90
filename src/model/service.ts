import type { NamespacedName } from '../base/index.ts';
import { flatText } from '../base/index.ts';
import type { Addr } from '../net/index.ts';

export type ServiceProtocol = 'TCP' | 'UDP' | 'SCTP';
export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
export type TrafficPolicy = 'Cluster' | 'Local';

/** What of a Service steers traffic. Addresses are text as the object has them: whoever reads them judges them. */
export type ServiceSpec = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339; empty: not said. */
  readonly createdAt: string;
  readonly type: ServiceType;
  /** Empty or `None`: headless. */
  readonly clusterIPs: readonly string[];
  readonly externalIPs: readonly string[];
  /** Of the load balancer's status; names are left out. */
  readonly ingressIPs: readonly string[];
  readonly ports: readonly ServicePort[];
  /** Labels of its pods; absent: somebody else writes its slices. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Seconds that a client stays with its backend; 0: no affinity. */
  readonly affinitySeconds: number;
  readonly internalTrafficPolicy: TrafficPolicy;
  readonly externalTrafficPolicy: TrafficPolicy;
  /** 0: none. */
  readonly healthCheckNodePort: number;
  /** Only clients of certain prefixes may use the load balancer's addresses. */
  readonly hasSourceRanges: boolean;
  /** Labelled as another proxy's, or as headless. */
  readonly foreign: boolean;
};

export type ServicePort = {
  /** Empty where there is but one. */
  readonly name: string;
  readonly protocol: ServiceProtocol;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  /** Of its pods, or the name of one of theirs; absent: `port`. */
  readonly targetPort?: number | string;
};

/** What of an EndpointSlice steers traffic. */
export type SliceSpec = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** From its label, in its own namespace; empty: nobody's. */
  readonly service: string;
  readonly addressType: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
};

export type SlicePort = { readonly name: string; readonly protocol: ServiceProtocol; readonly port: number };

export type SliceEndpoint = {
  /** Interchangeable; the first is used, as the API demands. */
  readonly address: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Empty: not said. */
  readonly nodeName: string;
  /** Behind it; empty: not said. */
  readonly pod: NamespacedName | '';
  /** Zones that should use it; empty: all. */
  readonly zones: readonly string[];
  /** Nodes that should use it; empty: all. */
  readonly nodes: readonly string[];
};

/** A place that connections can be sent to. */
export type Backend = {
  readonly addr: Addr;
  readonly port: number;
  readonly protocol: ServiceProtocol;
  /** `draining`: on its way out, used while nobody is ready (KEP-1669). `not-ready`: there to stay, and used by nobody new. */
  readonly state: 'ready' | 'draining' | 'not-ready';
  readonly pod: NamespacedName | '';
  readonly local: boolean;
};

export type FrontendKind = 'ClusterIP' | 'NodePort' | 'ExternalIP' | 'LoadBalancer' | 'HostPort';

/** A place that clients connect to, and who serves it. */
export type Frontend = {
  readonly kind: FrontendKind;
  /** `::`, the wildcard, for a node port: it answers on every address of the node. */
  readonly addr: Addr;
  readonly port: number;
  readonly protocol: ServiceProtocol;
  /** Of a host port `namespace/pod:name`, which no service can have. */
  readonly service: NamespacedName;
  /** Frontends of one service with one of these have affinity in common. */
  readonly portName: string;
  readonly affinitySeconds: number;
  /** For clients of the cluster. */
  readonly backends: readonly Backend[];
  /** For clients that come from outside. The same list where nothing tells them apart. */
  readonly externalBackends: readonly Backend[];
  /** On their way out or not ready, and not used for anything new; what was begun with them goes on. */
  readonly draining: readonly Backend[];
  /** Clients of the cluster get backends of this node only. */
  readonly internalLocal: boolean;
  /** The client's address must not be replaced on the way in: a backend of this node serves it. */
  readonly externalLocal: boolean;
};

export type ServiceProblem = {
  /** Like an event's: `ExternalIPRefused`. */
  readonly reason: string;
  readonly message: string;
};

const PREFIXES: Readonly<Record<ServiceProtocol, string>> = { TCP: 'tcp ', UDP: 'udp ', SCTP: 'sctp ' };

/** `tcp 10.96.0.10:80`: equal keys are one place. */
export function frontendKey(frontend: Pick<Frontend, 'addr' | 'port' | 'protocol'>): string {
  const { addr, port, protocol } = frontend;
  return flatText(PREFIXES[protocol], addr.includes(':') ? `[${addr}]` : addr, ':', port);
}
