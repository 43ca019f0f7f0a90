import type { FlowMessage } from '../model/index.ts';
import type {
  AgentStatus,
  ConnectionView,
  DoctorReport,
  EndpointView,
  FootprintView,
  IdentityView,
  NodeView,
  ObserveRequest,
  PolicyView,
  ServiceList,
  TraceRequest,
  TraceView,
} from './schema.ts';

/**
 * What the admin server asks of the agent. The agent implements it; `fake.ts` is the other implementation. Answers are
 * plain data. `undefined` from a `get` = there is no such thing (the server says 404). A MembraneError that is thrown
 * goes to the client with code, message and remedy.
 */
export type AdminApi = {
  status(): Promise<AgentStatus>;
  endpoints(): Promise<readonly EndpointView[]>;
  /** By id or by `namespace/pod`. With counters. */
  endpoint(ref: EndpointRef): Promise<EndpointView | undefined>;
  identities(): Promise<readonly IdentityView[]>;
  identity(id: number): Promise<IdentityView | undefined>;
  policies(filter: PolicyFilter): Promise<readonly PolicyView[]>;
  /** Throws a MembraneError when an end is not known. */
  trace(request: TraceRequest): Promise<TraceView>;
  /** A walk over the kernel's table in groups, say 256 each; ends early when the signal is aborted. */
  connections(signal: AbortSignal): AsyncIterable<readonly ConnectionView[]>;
  nodes(): Promise<readonly NodeView[]>;
  services(): Promise<ServiceList>;
  footprint(): Promise<FootprintView>;
  /** Looks at the node anew: what weakens it. Takes seconds when ports do not answer. */
  doctor(): Promise<DoctorReport>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
  /**
   * Groups of what is there now, as `FlowHub.observe` of src/observe gives them. Ends when all stored flows are sent and
   * `follow` is false, or when the signal is aborted.
   */
  observe(request: ObserveRequest, signal: AbortSignal): AsyncIterable<readonly FlowMessage[]>;
};

export type EndpointRef = { readonly id: number } | { readonly namespace: string; readonly pod: string };
/** What is absent may be anything; `namespace` is empty for cluster-wide kinds. */
export type PolicyFilter = { readonly kind?: string; readonly namespace?: string; readonly name?: string };
